"""Steering manifests in nginx's cache: for one second at most, and gone at once when an order changes.

nginx keeps them under their path, whatever players add to the query (`_HLS_pathway`, `_DASH_throughput`).
"""

import time
from collections.abc import Callable, Mapping

from aiohttp import web

from edge.cache.purge import Purge
from edge.nginx.answers import NO_STORE
from edge.nginx.copies import Copy
from edge.nginx.head import Fill
from edge.nginx.landing import Landing, NginxFiles
from edge.nginx.names import ASKED, CONTROL, FILL, file_name

PREFIX = "/v1/steering/"
_NO_DIRECTIVES = "||"
_KIBI = 1024
_GONE_S = 5.0  # by then nginx serves nothing any more of what it was given


class SteeringCopies:
    """What nginx keeps of them.

    Args:
        held: what nginx holds, and what is on its way there.
        purge: begins a purge of nginx's files only; takes how long ago it was asked for, too.
        clock: seconds, monotonic.
    """

    def __init__(
        self, held: NginxFiles, purge: Callable[[Purge, float], int], clock: Callable[[], float]
    ) -> None:
        self._held = held
        self._purge = purge
        self._clock = clock
        self._stored_at = float("-inf")
        self._second = 0
        self._given: set[str] = set()  # paths that nginx was given in this second, to keep
        self.stored = 0
        self.purges = 0

    def forget(self) -> None:
        """Remove all that are there or about to be."""
        self._given.clear()
        if self._clock() < self._stored_at + _GONE_S:
            self.purges += 1
            self._purge(Purge("prefix", PREFIX), 0.0)

    async def answer(
        self, request: web.BaseRequest, path: str, body: bytes, fields: Mapping[str, str]
    ) -> web.StreamResponse:
        """Answer with a manifest, and stay until it is sent: a purge that comes meanwhile hits what nginx makes of it.

        Args:
            request: nginx's.
            path: of the manifest, in its normal form.
            body: the manifest.
            fields: of the answer that viewers get.
        """
        if request.headers.get(ASKED) != _NO_DIRECTIVES or not self._is_first(path):
            return web.Response(body=body, headers={**fields, **NO_STORE})
        now, landings = self._clock(), self._held.landings
        landing = Landing(path, file_name(path), (), landings.begin(), time.time())
        fill = Fill(self._held.session, landing.serial, landing.made)
        landings.expect(landing, now)
        self._held.copies.put(path, Copy(landing.name, (), fill.serial, fill.made), len(body) + _KIBI)
        self._stored_at = now
        self.stored += 1
        response = web.Response(body=body, headers=_for_nginx(fields, fill))
        try:
            await response.prepare(request)
            await response.write_eof()
        except ConnectionError:
            self._given.discard(path)
            if request.transport:
                request.transport.abort()
        finally:
            landings.sent(landing, self._clock())
        return response

    def _is_first(self, path: str) -> bool:
        """Whether nginx was not given this in this second. When one is over, many ask at once; one file will do."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self._given.clear()
        if path in self._given:
            return False
        self._given.add(path)
        return True


def _for_nginx(fields: Mapping[str, str], fill: Fill) -> dict[str, str]:
    """nginx keeps it to the end of this second. Cache-Control comes first, or nginx before 1.23 would not heed it."""
    own = {name: value for name, value in fields.items() if name != "Cache-Control"}
    return {
        "Cache-Control": "stale-while-revalidate=0, stale-if-error=0",
        "X-Accel-Expires": f"@{int(time.time())}",
        CONTROL: fields.get("Cache-Control", "no-store"),
        FILL: str(fill),
        **own,
    }
