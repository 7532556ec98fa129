"""Bodies on their way to those who wait: what breaks off is asked for from there on, once, where that is safe.

Safe it is with a strong validator: the rest of the same body, or nothing (RFC 9110 §13.1.5).
"""

import re

from edge.cache.budget import Budget
from edge.cache.counters import CacheCounters
from edge.cache.growing import GrowingBody, TooLargeError
from edge.cache.receiving import UpstreamError, UpstreamResponse, is_amiss
from edge.cache.upstream import Fills

_BURST = 10.0
_PART = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", re.ASCII)


class Streams:
    """Sees bodies to their end.

    Args:
        upstream: gives the rest.
        counters: what happened.
        share: of the bodies that may be asked for again, lest an origin that cuts all be drowned.
    """

    def __init__(self, upstream: Fills, counters: CacheCounters, share: float) -> None:
        self._upstream = upstream
        self._counters = counters
        self._budget = Budget(_BURST, share)

    async def arrive(self, target: str, answer: UpstreamResponse, body: GrowingBody, loop: str) -> None:
        """Wait until the body of `answer` is here.

        Args:
            target: what was asked for, raw path and query.
            answer: its header.
            body: grows by what comes.
            loop: the CDN-Loop field of the request that needs it.

        Raises:
            UpstreamError: it broke off.
        """
        assert body.reading
        self._budget.grow()
        try:
            await body.reading
        except UpstreamError as error:
            etag = answer.headers.get("ETag", "")
            if not (is_amiss(error.reason) and etag.startswith('"') and self._budget.spend()):
                raise
            try:
                body.add(await self._rest(target, etag, body, loop))
            except (UpstreamError, TooLargeError):
                raise error from None
            self._counters.resumed += 1

    async def _rest(self, target: str, etag: str, body: GrowingBody, loop: str) -> bytes:
        have = body.have
        fields = {"Range": f"bytes={have}-", "If-Range": etag}
        more = await self._upstream.fetch(target, fields, loop)
        if isinstance(more.body, GrowingBody):  # all of it once more: it has changed
            more.body.drop()
            raise UpstreamError("changed")
        found = _PART.fullmatch(more.headers.get("Content-Range", ""))
        if more.status != 206 or found is None or more.headers.get("ETag") != etag:
            raise UpstreamError("changed")
        first, last, size = map(int, found.groups())
        if (first, last, len(more.body)) != (have, size - 1, size - have) or body.size not in (None, size):
            raise UpstreamError("changed")
        return more.body
