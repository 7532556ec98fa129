"""HTTP face of the origin: playlists, segments, a count of what was asked for, and faults on request.

/live/main.m3u8                       multivariant playlist
/live/<track>/playlist.m3u8           sliding window
/live/<track>/init.mp4, <number>.m4s  media; number = Unix seconds // 2
/_origin/requests                     {"total": …, "paths": {…}, "caches": {name in Via: {path: …}}, "uncounted": …}
POST /_origin/fault                   {"mode": "down" | "slow" | "ok", "for_s": 30}, as JSON, from loopback only
"""

import asyncio
import hashlib
import ipaddress
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from pathlib import Path

from aiohttp import hdrs, web

from edge.model import Address, ConfigError
from edge.origin import media, playlist
from edge.origin.media import Library

DVR_S = 600  # how long a segment stays after it left the playlist
PATHS_MAX = 10_000
SLOW_S = 3.0
FAULT_MAX_S = 3600.0
_CACHE_NAME_MAX = 63
_PLAYLIST = "application/vnd.apple.mpegurl"
_IMMUTABLE = "public, max-age=3600, immutable"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class OriginSettings:
    """What may be set about the origin."""

    bind: Address
    media: Path = media.SHIPPED
    window: int = playlist.WINDOW  # segments in a playlist


@dataclass(frozen=True, slots=True)
class Entity:
    """What a path stands for right now, and for how long."""

    body: bytes
    content_type: str
    cache_control: str
    modified_s: int  # Unix seconds


class Origin:
    """Handlers over one library.

    Args:
        library: the source.
        window: segments in a playlist.
        clock: Unix time, seconds.
    """

    def __init__(
        self, library: Library, window: int = playlist.WINDOW, clock: Callable[[], float] = time.time
    ) -> None:
        self._library = library
        self._window = window
        self._clock = clock
        self._requests: Counter[tuple[str, str]] = Counter()  # by cache and path
        self._uncounted = 0
        self._fault = "ok"
        self._fault_until = 0.0

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(middlewares=[self._account])
        app.on_response_prepare.append(_allow_any_page)
        app.router.add_get("/live/main.m3u8", self._main)
        app.router.add_get("/live/{track}/playlist.m3u8", self._playlist)
        app.router.add_get("/live/{track}/init.mp4", self._init)
        app.router.add_get(r"/live/{track}/{number:\d{1,12}}.m4s", self._segment)
        app.router.add_get("/_origin/requests", self._counts)
        app.router.add_post("/_origin/fault", self._set_fault)
        return app

    @web.middleware
    async def _account(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Count media requests, and act out the fault that was asked for."""
        if not request.path.startswith("/live/"):
            return await handler(request)
        asked = (_cache_of(request), request.path)
        if asked in self._requests or len(self._requests) < PATHS_MAX:
            self._requests[asked] += 1
        else:
            self._uncounted += 1
        if self._clock() < self._fault_until:
            if self._fault == "down":
                return web.Response(status=503, headers={"Cache-Control": "no-store", "Retry-After": "1"})
            if self._fault == "slow":
                await asyncio.sleep(SLOW_S)
        return await handler(request)

    async def _main(self, request: web.Request) -> web.Response:
        body = playlist.multivariant(self._library).encode()
        return _answer(request, Entity(body, _PLAYLIST, "public, max-age=60", self._library.modified_s))

    async def _playlist(self, request: web.Request) -> web.Response:
        track = self._track(request)
        now_s = self._clock()
        text = playlist.media(self._library, track, now_s, self._window)
        modified_s = self._published_s(playlist.newest(self._library, now_s))
        return _answer(request, Entity(text.encode(), _PLAYLIST, "public, max-age=1", modified_s))

    async def _init(self, request: web.Request) -> web.Response:
        track = self._track(request)
        return _answer(request, Entity(track.init, f"{track.kind}/mp4", _IMMUTABLE, self._library.modified_s))

    async def _segment(self, request: web.Request) -> web.Response:
        track, number = self._track(request), int(request.match_info["number"])
        newest = playlist.newest(self._library, self._clock())
        if number > newest:
            raise web.HTTPNotFound(headers={"Cache-Control": "max-age=1"}, text="not published yet\n")
        if number <= newest - self._window - DVR_S // self._library.segment_s:
            raise web.HTTPNotFound(headers={"Cache-Control": "max-age=60"}, text="no longer kept\n")
        body = self._library.segment(track, number)
        return _answer(request, Entity(body, f"{track.kind}/mp4", _IMMUTABLE, self._published_s(number)))

    def _published_s(self, number: int) -> int:
        """When segment `number` was whole, Unix seconds."""
        return (number + 1) * self._library.segment_s

    def _track(self, request: web.Request) -> media.Track:
        if track := self._library.track(request.match_info["track"]):
            return track
        names = ", ".join(one.name for one in self._library.tracks)
        raise web.HTTPNotFound(text=f"no such track; there are {names}\n")

    async def _counts(self, request: web.Request) -> web.Response:
        total = self._requests.total() + self._uncounted
        paths: Counter[str] = Counter()
        caches: dict[str, dict[str, int]] = {}
        for (cache, path), count in self._requests.items():
            paths[path] += count
            caches.setdefault(cache, {})[path] = count
        counts = {"total": total, "paths": paths, "caches": caches, "uncounted": self._uncounted}
        return web.json_response(counts)

    async def _set_fault(self, request: web.Request) -> web.Response:
        if not request.remote or not ipaddress.ip_address(request.remote).is_loopback:
            raise web.HTTPForbidden(text="faults are set from loopback only\n")
        if request.content_type != "application/json":  # which a foreign page cannot send without our consent
            raise web.HTTPUnsupportedMediaType(text="wants Content-Type: application/json\n")
        try:
            wanted = json.loads(await request.text())
            mode, for_s = str(wanted["mode"]), float(wanted["for_s"])
        except (ValueError, KeyError, TypeError):
            mode, for_s = "", 0.0
        if mode not in ("down", "slow", "ok") or not 0 <= for_s <= FAULT_MAX_S:
            text = f'wants {{"mode": "down", "slow" or "ok", "for_s": 0 to {FAULT_MAX_S:.0f}}}\n'
            raise web.HTTPBadRequest(text=text)
        self._fault, self._fault_until = mode, self._clock() + for_s
        return web.json_response({"mode": mode, "for_s": for_s})


def _cache_of(request: web.Request) -> str:
    """The cache that asks, by its pseudonym in Via (RFC 9110 §7.6.3); empty for anybody else."""
    return request.headers.get(hdrs.VIA, "").rpartition(" ")[2][:_CACHE_NAME_MAX]


async def _allow_any_page(request: web.Request, response: web.StreamResponse) -> None:
    """Lets players of any page read media and errors alike (CORS)."""
    if request.path.startswith("/live/"):
        response.headers["Access-Control-Allow-Origin"] = "*"


def _answer(request: web.Request, entity: Entity) -> web.Response:
    """Whole, partial or not modified, as the request's conditions want it (RFC 9110); aiohttp drops a HEAD's body."""
    body = entity.body
    etag = hashlib.blake2b(body, digest_size=8).hexdigest()
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": entity.cache_control,
        "Content-Type": entity.content_type,
        "ETag": f'"{etag}"',
        "Last-Modified": formatdate(entity.modified_s, usegmt=True),
    }
    if _is_held(request, etag, entity.modified_s):
        return web.Response(status=304, headers=headers)
    valid = request.headers.get(hdrs.IF_RANGE) in (None, headers["ETag"], headers["Last-Modified"])
    if hdrs.RANGE not in request.headers or not valid:
        return web.Response(body=body, headers=headers)
    try:
        first, end, _ = request.http_range.indices(len(body))
    except ValueError:  # malformed, or several ranges: the whole is a correct answer
        return web.Response(body=body, headers=headers)
    if first >= end:
        return web.Response(status=416, headers=headers | {"Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {first}-{end - 1}/{len(body)}"
    return web.Response(status=206, body=body[first:end], headers=headers)


def _is_held(request: web.Request, etag: str, modified_s: int) -> bool:
    """Whether the client already has this very version (RFC 9110 §13.2.2: If-None-Match rules out the date)."""
    if request.if_none_match is not None:
        return any(tag.value in ("*", etag) for tag in request.if_none_match)
    since = request.if_modified_since
    return since is not None and modified_s <= since.timestamp()


async def serve(settings: OriginSettings, stop: asyncio.Event, on_ready: Callable[[Address], None]) -> None:
    """Publish the stream until `stop` is set; `on_ready` hears the real address.

    Raises:
        ConfigError: the source cannot be read, or the address cannot be had.
    """
    origin = Origin(media.load(settings.media), settings.window)
    runner = web.AppRunner(origin.app(), access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, settings.bind.host, settings.bind.port, backlog=1024)
        try:
            await site.start()
        except OSError as error:
            problem = f"{settings.bind} cannot be had: {error.strerror or error}"
            raise ConfigError("--bind", problem, "choose another port; port 0 takes a free one") from None
        host, port = runner.addresses[0][:2]
        on_ready(Address(host, port))
        await stop.wait()
    finally:
        await runner.cleanup()
