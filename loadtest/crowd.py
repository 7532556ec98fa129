"""A flash crowd on real nodes: two zones of four, a live origin that counts, and viewers who come faster and faster."""

import asyncio
import random
import signal
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from loadtest.processes import NodeProcess, client, cluster, whole
from loadtest.serving import free_ports

ZONES, EACH = 2, 4
SEGMENT_S = 1.0
FIRST = 1000  # number of the first segment; those before are there from the start
_BODY = bytes(60_000)
_RUNGS = ("v240", "v480")
_WINDOW = 6  # segments in a playlist
_FIRST_BYTE_S, _REST_S = 0.08, 0.1  # of the origin's answer
_RUN_S = 20.0
_VIEWERS = (40, 240)  # at the start, at the end
_RESTART_S = 2.0  # how long a node that is restarted is away


@dataclass(slots=True)
class LiveOrigin:
    """Publishes segments by the clock; knows how often each was asked for, and by whom first."""

    began: float = field(default_factory=time.monotonic)
    asked: Counter[str] = field(default_factory=Counter)
    on_asked: Callable[[str, str], None] = lambda _path, _loop: None  # told of each request for a segment

    @property
    def newest(self) -> int:
        """Number of the newest segment."""
        return FIRST + int((time.monotonic() - self.began) / SEGMENT_S)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """A playlist, or a segment in two pieces with a pause between them."""
        path = request.rel_url.raw_path
        rung, name = path.split("/")[-2:]
        if name == "main.m3u8":
            return self._playlist()
        number = int(name.partition(".")[0])
        self.asked[path] += 1
        self.on_asked(path, request.headers.get("CDN-Loop", ""))
        await asyncio.sleep(_FIRST_BYTE_S)
        if rung not in _RUNGS or number > self.newest:
            return web.Response(status=404)
        headers = {
            "Content-Type": "video/mp4",
            "Cache-Control": "max-age=60",
            "Content-Length": str(len(_BODY)),
        }
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        half = len(_BODY) // 2
        with suppress(ConnectionError):  # who asked was killed
            await response.write(_BODY[:half])
            await asyncio.sleep(_REST_S)
            await response.write(_BODY[half:])
        return response

    def _playlist(self) -> web.Response:
        first = self.newest - _WINDOW + 1
        lines = ["#EXTM3U", f"#EXT-X-TARGETDURATION:{int(SEGMENT_S)}", f"#EXT-X-MEDIA-SEQUENCE:{first}"]
        for number in range(first, first + _WINDOW):
            lines += [f"#EXTINF:{SEGMENT_S},", f"{number}.m4s"]
        return web.Response(text="\n".join(lines), content_type="application/vnd.apple.mpegurl")


@dataclass(slots=True)
class Watched:
    """What came of it."""

    segments: int = 0  # played by viewers
    failed: int = 0  # requests that no node answered with 200


@asynccontextmanager
async def site() -> AsyncIterator[tuple[list[NodeProcess], LiveOrigin, aiohttp.ClientSession]]:
    """Nodes that know each other, before a live origin."""
    async with AsyncExitStack() as stack:
        origin = LiveOrigin()
        runner = web.ServerRunner(web.Server(origin.answer, access_log=None))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        (port,) = free_ports(1)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        nodes = stack.enter_context(cluster(f"http://127.0.0.1:{port}", EACH * ZONES, ZONES))
        http = await stack.enter_async_context(client())
        await whole(http, nodes)
        yield nodes, origin, http


class Crowd:
    """Viewers, each of one rung: the playlist, and what it names last as soon as that is new."""

    def __init__(self, nodes: list[NodeProcess], http: aiohttp.ClientSession, seed: int) -> None:
        self._nodes = nodes
        self._http = http
        self._rng = random.Random(seed)
        self._until = 0.0
        self.watched = Watched()

    async def watch(self, seconds: float) -> None:
        """Viewers come at a growing rate until the time is over."""
        began = time.monotonic()
        self._until = began + seconds
        first, last = _VIEWERS
        async with asyncio.TaskGroup() as group:
            for number in range(last):
                share = max(0.0, (number - first) / (last - first))
                due = began + 0.8 * seconds * share**0.5  # half of them in the last quarter of the rise
                group.create_task(self._viewer(due, self._rng.random(), _RUNGS[number % len(_RUNGS)]))

    async def _viewer(self, due: float, phase: float, rung: str) -> None:
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        played, url = "", self._pick()
        while time.monotonic() < self._until:
            text = await self._get(f"{url}/live/{rung}/main.m3u8")
            newest = text.rstrip().rpartition(b"\n")[2].decode() if text else ""
            if newest and newest != played:
                body = await self._get(f"{url}/live/{rung}/{newest}")
                self.watched.segments += len(body or b"") == len(_BODY)
                played = newest
            elif not newest:
                url = self._pick()
                continue
            await asyncio.sleep(SEGMENT_S * (0.5 + 0.2 * phase))

    def _pick(self) -> str:
        return self._rng.choice([one.public for one in self._nodes if one.alive])

    async def _get(self, url: str) -> bytes | None:
        try:
            async with self._http.get(url) as answer:
                body = await answer.read()
                if answer.status == 200:
                    return body
        except (aiohttp.ClientError, TimeoutError):
            pass
        self.watched.failed += 1
        await asyncio.sleep(0.05)
        return None


@dataclass(frozen=True, slots=True)
class Asked:
    """Requests to the origin for a segment of a zone."""

    mean: float
    most: float
    watched: Watched


async def healthy(seconds: float = _RUN_S) -> Asked:
    """With all nodes there."""
    async with site() as (nodes, origin, http):
        return await _watched(nodes, origin, http, seconds)


async def restarted(seconds: float = _RUN_S) -> Asked:
    """One node is killed in the middle, and comes back."""
    async with site() as (nodes, origin, http), asyncio.TaskGroup() as group:
        group.create_task(_restart(nodes[1], seconds / 2))
        return await _watched(nodes, origin, http, seconds)


async def owner_killed(seconds: float = _RUN_S) -> Asked:
    """The first of the first zone that asks for a segment of the second half is killed before it has it."""
    async with site() as (nodes, origin, http):
        zone = {one.name: one for one in nodes if one.zone == nodes[0].zone}
        first = origin.newest + int(seconds / 2 / SEGMENT_S)

        def kill(path: str, loop: str) -> None:
            number, name = int(path.rpartition("/")[2].partition(".")[0]), loop.rpartition(",")[2].strip()
            if number >= first and name in zone and all(one.alive for one in nodes):
                later = asyncio.get_running_loop().call_later
                later(_FIRST_BYTE_S + _REST_S / 2, zone[name].end, signal.SIGKILL)

        origin.on_asked = kill
        found = await _watched(nodes, origin, http, seconds)
        if all(one.alive for one in nodes):
            raise RuntimeError("nobody of the zone asked the origin: no owner was killed")
        return found


async def _restart(node: NodeProcess, after_s: float) -> None:
    await asyncio.sleep(after_s)
    node.end(signal.SIGKILL)
    await asyncio.sleep(_RESTART_S)
    node.start_again()


async def _watched(
    nodes: list[NodeProcess], origin: LiveOrigin, http: aiohttp.ClientSession, seconds: float
) -> Asked:
    crowd = Crowd(nodes, http, seed=1)
    first = origin.newest + 1
    await crowd.watch(seconds)
    paths = [f"/live/{rung}/{number}.m4s" for rung in _RUNGS for number in range(first, origin.newest - 1)]
    counts = [origin.asked[path] / ZONES for path in paths]
    return Asked(statistics.fmean(counts), max(counts), crowd.watched)
