"""A flash crowd on real nodes: two zones of four, a live origin that counts, and viewers who come faster and faster."""

import asyncio
import random
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from loadtest.serving import free_ports, settings

ZONES = ("west", "north")
EACH = 4
SEGMENT_S = 1.0
FIRST = 1000  # number of the first segment; those before are there from the start
_BODY = bytes(60_000)
_RUNGS = ("v240", "v480")
_WINDOW = 6  # segments in a playlist
_FIRST_BYTE_S, _REST_S = 0.08, 0.1  # of the origin's answer
_RUN_S = 20.0
_VIEWERS = (40, 240)  # at the start, at the end
_LOOKS, _LOOK_S = 200, 0.1  # for whether all know each other
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


class Site:
    """Eight `edge run`, each a process; by name."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        names = [f"{zone}-{number}" for zone in ZONES for number in range(EACH)]
        ports = free_ports(3 * len(names))
        self.ports = dict(zip(names, zip(ports[0::3], ports[1::3], ports[2::3], strict=True), strict=True))
        self._running: dict[str, asyncio.subprocess.Process] = {}

    @property
    def alive(self) -> list[str]:
        """Who runs."""
        return [name for name, one in self._running.items() if one.returncode is None]

    def url(self, name: str) -> str:
        """Of a node's public port."""
        return f"http://127.0.0.1:{self.ports[name][1]}"

    async def start(self, name: str) -> None:
        """Run one; it need not be ready."""
        gossip, public, admin = self.ports[name]
        seeds = ",".join(f"127.0.0.1:{one[0]}" for one in list(self.ports.values())[:3])
        given = settings(self._origin, {"gossip.bind": f"127.0.0.1:{gossip}", "gossip.seeds": seeds})
        given |= {"node.name": name, "node.zone": name.partition("-")[0]}
        given |= {"public.bind": f"127.0.0.1:{public}", "admin.bind": f"127.0.0.1:{admin}"}
        flags = [f"--{key.replace('.', '-').replace('_', '-')}={value}" for key, value in given.items()]
        self._running[name] = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "edge", "run", *flags), stderr=asyncio.subprocess.DEVNULL
        )

    def kill(self, name: str) -> None:
        """Without a word."""
        self._running[name].kill()

    async def end(self) -> None:
        """Kill and wait for all."""
        for one in self._running.values():
            if one.returncode is None:
                one.kill()
            await one.wait()

    async def known(self, http: aiohttp.ClientSession) -> None:
        """Once all know all.

        Raises:
            TimeoutError: that takes too long.
        """
        for _ in range(_LOOKS):
            if all([await self._knows(http, name) for name in self.ports]):
                return
            await asyncio.sleep(_LOOK_S)
        raise TimeoutError("the nodes do not come to know each other")

    async def _knows(self, http: aiohttp.ClientSession, name: str) -> bool:
        try:
            async with http.get(f"http://127.0.0.1:{self.ports[name][2]}/v1/view") as answer:
                members = (await answer.json())["members"]
        except (aiohttp.ClientError, KeyError):
            return False
        return len(members) == len(self.ports)


@asynccontextmanager
async def site() -> AsyncIterator[tuple[Site, LiveOrigin, aiohttp.ClientSession]]:
    """Nodes that know each other, before a live origin."""
    async with AsyncExitStack() as stack:
        origin = LiveOrigin()
        runner = web.ServerRunner(web.Server(origin.answer, access_log=None))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        (port,) = free_ports(1)
        await web.TCPSite(runner, "127.0.0.1", port).start()
        made = Site(f"http://127.0.0.1:{port}")
        stack.push_async_callback(made.end)
        for name in made.ports:
            await made.start(name)
        timeout = aiohttp.ClientTimeout(total=10, connect=2)
        http = await stack.enter_async_context(
            aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0))
        )
        await made.known(http)
        yield made, origin, http


class Crowd:
    """Viewers, each of one rung: the playlist, and what it names last as soon as that is new."""

    def __init__(self, where: Site, http: aiohttp.ClientSession, seed: int) -> None:
        self._site = where
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
        played, node = "", self._pick()
        while time.monotonic() < self._until:
            text = await self._get(f"{self._site.url(node)}/live/{rung}/main.m3u8")
            newest = text.rstrip().rpartition(b"\n")[2].decode() if text else ""
            if newest and newest != played:
                body = await self._get(f"{self._site.url(node)}/live/{rung}/{newest}")
                self.watched.segments += len(body or b"") == len(_BODY)
                played = newest
            elif not newest:
                node = self._pick()
                continue
            await asyncio.sleep(SEGMENT_S * (0.5 + 0.2 * phase))

    def _pick(self) -> str:
        return self._rng.choice(self._site.alive)

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
    async with site() as (where, origin, http):
        return await _watched(where, origin, http, seconds)


async def restarted(seconds: float = _RUN_S) -> Asked:
    """One node is killed in the middle, and comes back."""
    async with site() as (where, origin, http), asyncio.TaskGroup() as group:
        group.create_task(_restart(where, f"{ZONES[0]}-1", seconds / 2))
        return await _watched(where, origin, http, seconds)


async def owner_killed(seconds: float = _RUN_S) -> Asked:
    """The first of the first zone that asks for a segment of the second half is killed before it has it."""
    async with site() as (where, origin, http):
        first = origin.newest + int(seconds / 2 / SEGMENT_S)

        def kill(path: str, loop: str) -> None:
            number, name = int(path.rpartition("/")[2].partition(".")[0]), loop.rpartition(",")[2].strip()
            if number >= first and name.startswith(ZONES[0]) and len(where.alive) == len(where.ports):
                asyncio.get_running_loop().call_later(_FIRST_BYTE_S + _REST_S / 2, where.kill, name)

        origin.on_asked = kill
        found = await _watched(where, origin, http, seconds)
        if len(where.alive) == len(where.ports):
            raise RuntimeError("nobody of the zone asked the origin: no owner was killed")
        return found


async def _restart(where: Site, name: str, after_s: float) -> None:
    await asyncio.sleep(after_s)
    where.kill(name)
    await asyncio.sleep(_RESTART_S)
    await where.start(name)


async def _watched(where: Site, origin: LiveOrigin, http: aiohttp.ClientSession, seconds: float) -> Asked:
    crowd = Crowd(where, http, seed=1)
    first = origin.newest + 1
    await crowd.watch(seconds)
    paths = [f"/live/{rung}/{number}.m4s" for rung in _RUNGS for number in range(first, origin.newest - 1)]
    counts = [origin.asked[path] / len(ZONES) for path in paths]
    return Asked(statistics.fmean(counts), max(counts), crowd.watched)
