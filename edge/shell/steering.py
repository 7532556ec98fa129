"""`/v1/steering` of the public port, and what playlists say of it.

GET /v1/steering/{hls|dash}/{zone}/{shard}   the order of nodes for a shard of a zone's viewers; "-" is no zone

The answer depends on the path only, so nginx keeps it; what players add to the query (`_HLS_pathway`,
`_HLS_throughput`, `_DASH_*`) changes nothing. A viewer gets his shard with the multivariant playlist, or the MPD.
"""

import asyncio
import random
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urlsplit

import orjson
from aiohttp import web
from msgspec.structs import replace

from edge.cache.disk.body import BrokenBodyError, FileSpan
from edge.cache.growing import GrowingSpan
from edge.cache.locations import steered_mpd
from edge.cache.objects import CacheResponse
from edge.cache.pathways import BASE, BODY_MAX_BYTES, REASON, Steered, Way, base_of, steered_hls
from edge.cache.respond import CORS
from edge.config import RoutingConfig, SteeringConfig
from edge.decide.shards import Shard
from edge.decide.steering import Steering, SteeringPolicy
from edge.nginx.steering import PREFIX, SteeringCopies
from edge.shell.shards import QUERY, Shards, number_of
from edge.state.view import ClusterView, NodeView

LOOK_EVERY_S = 0.1
WRITTEN_MAX = 1024  # manifests
FORMATS = ("hls", "dash")
SHAPED = (".m3u8", ".mpd")
_NO_ZONE = "-"
_DROPPED = frozenset({"Cache-Control", "ETag", "Last-Modified", "Accept-Ranges"})  # they are of the original
_CORS = {**CORS, "Access-Control-Expose-Headers": f"{REASON}, Retry-After"}
_RETRY_AFTER_S = 1
_ANSWERS = {
    "ended": (410, "steering has ended here\n"),
    "unknown": (404, "no such zone or shard\n"),
    "nobody": (503, "no node takes viewers at the moment\n"),
}


class Asked(NamedTuple):
    """What a manifest is asked for."""

    format: str
    shard: Shard

    @property
    def path(self) -> str:
        """Of the manifest."""
        return f"{PREFIX}{self.format}/{quote(self.shard.zone, safe='') or _NO_ZONE}/{self.shard.number}"


class SteeringFace:
    """Steers players.

    Args:
        view: the cluster as this node holds it at the moment.
        config: how.
        routing: the bounds of load, which are those of the router.
        rng: gives viewers without a session id their shards.
    """

    def __init__(
        self,
        view: Callable[[], ClusterView],
        config: SteeringConfig,
        routing: RoutingConfig,
        rng: random.Random | None = None,
    ) -> None:
        self.copies: SteeringCopies | None = None  # of nginx, which keeps manifests
        self.zone_of: Callable[[web.BaseRequest], str] = lambda _: ""  # where a viewer is, as far as is known
        self.enabled = config.enabled
        self.manifests = dict.fromkeys(FORMATS, 0)  # given by this process; nginx gives more
        self.playlists = dict.fromkeys(FORMATS, 0)  # rewritten
        self.refused = dict.fromkeys(_ANSWERS, 0)
        policy = SteeringPolicy(
            shards=config.shards,
            pathways=config.pathways,
            ttl_s=config.ttl_s,
            ttl_max_s=config.ttl_max_s,
            load_bound=routing.load_bound,
            full_load=routing.full_load,
            hysteresis=routing.hysteresis,
        )
        self.shards = Shards(view, policy)
        self._view = view
        self._server = config.server
        self._rng = rng or random.Random()
        self._last: dict[Asked, tuple[Steering, str, tuple[bytes, dict[str, str]]]] = {}

    async def run(self) -> None:
        """Look for changes that no event tells of (load, drains) until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            self.look()

    def look(self) -> None:
        """Have nginx forget its manifests if an order has changed."""
        if self.enabled and self.copies and self.shards.look():
            self.copies.forget()

    async def handle(self, request: web.BaseRequest, path: str) -> web.StreamResponse | None:
        """The manifest that is asked for; None where something else is.

        Args:
            request: a player's, or nginx's for him.
            path: raw, below `PREFIX`.
        """
        if request.method not in ("GET", "HEAD"):
            return None
        if not self.enabled:
            return self._refuse("ended")
        if (asked := self._asked(path)) is None:
            return self._refuse("unknown")
        if (steering := self.shards.order(asked.shard)) is None:
            return self._refuse("nobody")
        self.manifests[asked.format] += 1
        body, fields = self._written(asked, steering, self._again(asked, steering))
        if self.copies and path == asked.path:
            return await self.copies.answer(request, path, body, fields)
        return web.Response(body=body, headers=fields)

    async def shaped(self, request: web.BaseRequest, path: str, found: CacheResponse) -> CacheResponse:
        """A playlist for a viewer: a multivariant one, or an MPD, names nodes and who steers.

        Args:
            request: the viewer's, or nginx's for him.
            path: raw.
            found: the cache's answer.
        """
        if (
            not self.enabled
            or found.status != 200
            or not path.endswith(SHAPED)
            or request.rel_url.raw_path != path
        ):
            return found
        zone = self.zone_of(request)
        shard = Shard(
            zone if self.shards.table.knows(zone) and zone else self._own_zone(),
            number_of(request, self.shards.policy.shards, self._rng),
        )
        asked = Asked("dash" if path.endswith(".mpd") else "hls", shard)
        body = await _whole(found)
        steering = self.shards.order(shard) if body else None
        if body is None or steering is None or (made := self._made(asked, path, body, steering)) is None:
            return found
        self.playlists[asked.format] += 1
        kept = {name: value for name, value in found.headers.items() if name not in _DROPPED}
        headers = {**kept, "Cache-Control": "no-store", REASON: _told(asked, steering)}
        return replace(found, headers=headers, body=made)

    def _made(self, asked: Asked, path: str, body: bytes, steering: Steering) -> bytes | None:
        ways = tuple(Way(one.node, one.url) for one in steering.pathways)
        steered = Steered(self._server + asked.path, ways, self._bases(ways))
        if asked.format == "hls":
            return steered_hls(body, path, steered)
        return steered_mpd(body, path, steered, f"{path}?{QUERY}={asked.shard.number}")

    def _written(self, asked: Asked, steering: Steering, again: str) -> tuple[bytes, dict[str, str]]:
        """The manifest and its fields; many ask for the same at the same time."""
        held = self._last.get(asked)
        if held and held[0] is steering and held[1] == again:
            return held[2]
        body = orjson.dumps(manifest(steering, again))
        fields = {
            **_CORS,
            "Content-Type": "application/json",
            "Cache-Control": "no-store",
            REASON: _told(asked, steering),
        }
        if len(self._last) >= WRITTEN_MAX:
            self._last.clear()
        self._last[asked] = (steering, again, (body, fields))
        return body, fields

    def _asked(self, path: str) -> Asked | None:
        parts = path.removeprefix(PREFIX).split("/")
        if len(parts) != 3 or parts[0] not in FORMATS:
            return None
        zone, number = unquote(parts[1]), parts[2]
        zone = "" if zone == _NO_ZONE else zone
        if not (number.isascii() and number.isdigit() and len(number) <= 3 and self.shards.table.knows(zone)):
            return None
        shard = Shard(zone, int(number))
        return Asked(parts[0], shard) if shard.number < self.shards.policy.shards else None

    def _again(self, asked: Asked, steering: Steering) -> str:
        """Where the player asks next: here, or where it is sent to if this node is about to go."""
        me = self._me()
        return asked.path if me is None or me.takes_viewers else steering.pathways[0].url + asked.path

    def _bases(self, ways: tuple[Way, ...]) -> tuple[Way, ...]:
        """One address for each port and scheme, this node's own where it has it."""
        me = self._me()
        urls = [me.member.public.rstrip("/")] if me else []
        found = {base_of(url): url for url in reversed([*urls, *(one.url for one in ways)])}
        return tuple(Way(base, found[base]) for base in sorted(found) if base)

    def _me(self) -> NodeView | None:
        view = self._view()
        return view.node(view.self_name)

    def _own_zone(self) -> str:
        me = self._me()
        return me.member.zone if me else ""

    def _refuse(self, why: str) -> web.Response:
        self.refused[why] += 1
        status, text = _ANSWERS[why]
        headers = {**_CORS, "Cache-Control": "no-store", "Retry-After": str(_RETRY_AFTER_S)}
        return web.Response(status=status, text=text, headers=headers)


def manifest(steering: Steering, again: str) -> dict[str, Any]:
    """A steering manifest, version 1 of both standards.

    Args:
        steering: the order of nodes. All are given as clones too, for a playlist may be older than a node.
        again: where to ask next.
    """
    clones = [
        {"BASE-ID": base, "ID": one.node, "URI-REPLACEMENT": {"HOST": _host(one.url)}}
        for one in steering.pathways
        if (base := base_of(one.url))
    ]
    return {
        "VERSION": 1,
        "TTL": steering.ttl_s,
        "RELOAD-URI": again,
        "PATHWAY-PRIORITY": [*steering.nodes, BASE],
        "PATHWAY-CLONES": clones,
    }


def _host(url: str) -> str:
    """Without the port, which players would not put in."""
    host = urlsplit(url).hostname or ""
    return f"[{host}]" if ":" in host else host


async def _whole(found: CacheResponse) -> bytes | None:
    """The body; None where it is too large, or breaks off."""
    body = found.body
    if isinstance(body, bytes | memoryview):
        return bytes(body)
    size = len(body) if isinstance(body, FileSpan) else body.size
    if size is None or size > BODY_MAX_BYTES:
        return None
    try:
        return await (body.read() if isinstance(body, GrowingSpan) else body.whole())
    except BrokenBodyError:
        return None


def _told(asked: Asked, steering: Steering) -> str:
    """Which shard it is, and why its order is what it is, as a field of a header."""
    said = f"{asked.shard.zone or _NO_ZONE}/{asked.shard.number}; {steering.reason}"
    return "".join(letter if " " <= letter <= "~" else "?" for letter in said)
