"""Simulated viewers that do what a player does: ask where to go, follow playlists, fetch every segment once.

Each has a CMCD session id (CTA-5004), a zone, a rung and a language. When its node redirects a playlist, as one that
leaves does, it stays where it was sent; when its node fails it asks another one. They share one connection pool, and
playlists are parsed once for all who got the same text.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from edge.demo.player import START_BEHIND, MediaPlaylist, Playback, Stumble, join, parse_media, parse_variants
from edge.model import ConfigError

REPORT_EVERY_S = 2.0
SESSION_MEAN_S = 120.0  # then a viewer leaves and another comes
SESSION_MIN_S = 10.0
BODY_MAX_BYTES = 8 * 1024 * 1024
STALE_AFTER = 4  # target durations without a new segment: the node's stream stands still
_ROUTE_TIMEOUT = aiohttp.ClientTimeout(total=2, sock_connect=1)
_TIMEOUT = aiohttp.ClientTimeout(total=6, sock_connect=1)
_CONNECTIONS = 2000
_BACKOFF_MIN_S = 0.1
_BACKOFF_MAX_S = 2.0
_ROUTE_TRIES = 4
HURRY_MIN_S = 0.1  # between two looks at the playlists, however late the last one was


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSettings:
    """What may be set about the viewers."""

    nodes: tuple[tuple[str, str], ...]  # zone and public URL of each node
    viewers: int
    seed: int = 1
    arrive_s: float = 15.0  # 0: all at once
    path: str = "/live/main.m3u8"
    shares: Mapping[str, float] = field(default_factory=dict)  # of the viewers, by zone; none: alike


@dataclass(slots=True)
class ViewerCounts:
    """Totals over all viewers."""

    watching: int = 0
    requests: int = 0
    received_bytes: int = 0
    segments: int = 0
    sessions: int = 0
    rerouted: int = 0
    stalls: int = 0  # segments that came after their play time
    skipped: int = 0  # segments that had left the playlist before the viewer came to them
    failures: Counter[str] = field(default_factory=Counter)  # by reason, a fixed few


@dataclass(frozen=True, slots=True)
class World:
    """What all viewers share."""

    settings: ViewerSettings
    session: aiohttp.ClientSession
    counts: ViewerCounts


class Viewer:
    """One viewer.

    Args:
        zone: where it is.
        world: nodes, connections and totals.
        rng: its own chance.
    """

    def __init__(self, zone: str, world: World, rng: random.Random) -> None:
        self.segments = 0
        self._zone = zone
        self._settings, self._session, self._counts = world.settings, world.session, world.counts
        self._rng = rng
        self._sid = ""
        self._failed = ""  # base URL of the node that failed last

    async def live(self) -> None:
        """Watch one session after another, for ever."""
        while True:
            self._sid = f"{self._rng.getrandbits(64):016x}"
            self._failed = ""
            self._counts.sessions += 1
            self._counts.watching += 1
            try:
                async with asyncio.timeout(SESSION_MIN_S + self._rng.expovariate(1 / SESSION_MEAN_S)):
                    await self._watch()
            except TimeoutError:
                pass  # the session is over
            finally:
                self._counts.watching -= 1

    async def _watch(self) -> None:
        pause_s = _BACKOFF_MIN_S
        while True:
            before = self.segments
            try:
                await self._play(await self._route())
            except Stumble as stumble:
                self._counts.failures[str(stumble)] += 1
                self._counts.rerouted += 1
            if self.segments > before:  # it went well for a while: no reason to be shy
                pause_s = _BACKOFF_MIN_S
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.5))
            pause_s = min(_BACKOFF_MAX_S, 2 * pause_s)

    async def _route(self) -> str:
        """The address to play from: asked of a node of the own zone, else of others; last of one that just failed."""
        nodes = list(self._settings.nodes)
        self._rng.shuffle(nodes)
        nodes.sort(key=lambda node: (node[1] == self._failed, node[0] != self._zone))
        where = f"/v1/route?path={quote(self._settings.path)}&zone={quote(self._zone)}&{self._cmcd('m')}"
        for _, node in nodes[:_ROUTE_TRIES]:
            self._counts.requests += 1
            try:
                async with self._session.get(
                    URL(node + where, encoded=True), allow_redirects=False, timeout=_ROUTE_TIMEOUT
                ) as answer:
                    if answer.status == 302 and "Location" in answer.headers:
                        return str(URL(answer.headers["Location"], encoded=True).without_query_params("CMCD"))
                    self._counts.failures["route refused"] += 1
            except (aiohttp.ClientError, TimeoutError, OSError):
                self._counts.failures["route unreachable"] += 1
        raise Stumble("no route")

    async def _play(self, url: str) -> None:
        """Play from the node that `url` names until something fails."""
        self._sit_at(url)
        url, body = await self._get(url, "m")
        videos, audios = parse_variants(body)
        chosen = [(join(url, self._rng.choice(videos)), "v")]
        if audios:
            chosen.append((join(url, self._rng.choice(audios)), "a"))
        followed = [await self._tune_in(track, kind) for track, kind in chosen]
        playback = Playback(followed[0].target_s)
        playback.start(min(one.last for one in followed) - START_BEHIND + 1, time.monotonic())
        due = time.monotonic()
        while True:
            due = max(due + followed[0].target_s, time.monotonic() + HURRY_MIN_S)
            await asyncio.sleep(due - time.monotonic())
            for one in followed:
                await self._follow(one, playback)

    async def _tune_in(self, url: str, kind: str) -> "Followed":
        """The initialization section and the last few segments."""
        url, body = await self._get(url, "m")
        playlist = parse_media(body)
        if playlist.init:
            await self._get(join(url, playlist.init), "i")
        last = max(playlist.newest - START_BEHIND, playlist.first - 1)
        one = Followed(url, kind, last, playlist.target_s, time.monotonic())
        await self._fetch_new(one, playlist, None)
        return one

    async def _follow(self, one: "Followed", playback: Playback) -> None:
        one.url, body = await self._get(one.url, "m")
        await self._fetch_new(one, parse_media(body), playback)
        if time.monotonic() - one.fresh_at > STALE_AFTER * one.target_s:
            raise Stumble("stream stands still")

    async def _fetch_new(self, one: "Followed", playlist: MediaPlaylist, playback: Playback | None) -> None:
        """Fetch every segment that is new since the last look, once."""
        self._counts.skipped += max(0, playlist.first - one.last - 1)
        for number, uri in playlist.after(one.last):
            _, body = await self._get(join(one.url, uri), one.kind)
            if not body:
                raise Stumble("empty segment")
            one.last, one.fresh_at = number, time.monotonic()
            self.segments += 1
            self._counts.segments += 1
            if playback and playback.arrived(number, one.fresh_at):
                self._counts.stalls += 1

    async def _get(self, url: str, kind: str) -> tuple[str, bytes]:
        """The body, and the address from which it came after redirects."""
        self._counts.requests += 1
        question = f"{url}{'&' if '?' in url else '?'}{self._cmcd(kind)}"
        try:
            async with self._session.get(URL(question, encoded=True)) as answer:
                if answer.status != 200:
                    raise Stumble(f"status {answer.status}")
                if answer.content_length is None or answer.content_length > BODY_MAX_BYTES:
                    raise Stumble("too large")
                body = await answer.read()
        except TimeoutError:
            raise Stumble("timeout") from None
        except (aiohttp.ClientError, OSError):
            raise Stumble("connection") from None
        self._counts.received_bytes += len(body)
        if answer.history and kind == "m":
            url = str(answer.url.without_query_params("CMCD"))
            self._sit_at(url)
        return url, body

    def _sit_at(self, url: str) -> None:
        """The node of this address is the one that fails, should anything fail from here on."""
        self._failed = join(url, "/").rstrip("/")

    def _cmcd(self, kind: str) -> str:
        """Object type, streaming format, session, stream type: the query field of CTA-5004, keys in order."""
        return f"CMCD=ot%3D{kind}%2Csf%3Dh%2Csid%3D%22{self._sid}%22%2Cst%3Dl"


@dataclass(slots=True)
class Followed:
    """A track that a viewer follows."""

    url: str  # of its playlist
    kind: str  # CMCD object type: v, a
    last: int  # media sequence number of the last segment fetched
    target_s: float
    fresh_at: float  # when that was, monotonic seconds


def by_zone(shares: Mapping[str, float], viewers: int) -> list[str]:
    """A zone for each viewer, as near to the shares as whole people allow (largest remainder).

    Raises:
        ConfigError: no zone has a share.
    """
    total = sum(shares.values())
    if total <= 0:
        raise ConfigError(
            "--share", "no zone of a node has a share above 0", "write e.g. --share mumbai=0.28"
        )
    exact = {zone: viewers * share / total for zone, share in shares.items()}
    counts = {zone: int(number) for zone, number in exact.items()}
    by_remainder = sorted(shares, key=lambda zone: counts[zone] - exact[zone])
    for zone in by_remainder[: viewers - sum(counts.values())]:
        counts[zone] += 1
    return [zone for zone, count in counts.items() for _ in range(count)]


async def run_viewers(
    settings: ViewerSettings, stop: asyncio.Event, out: Callable[[str], None]
) -> ViewerCounts:
    """Let all viewers come within `arrive_s` and watch until `stop`; every `REPORT_EVERY_S` a JSON line of totals."""
    counts = ViewerCounts()
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        tasks = [asyncio.create_task(_report(counts, out)), asyncio.create_task(_until(stop))]
        for viewer, delay_s in _audience(World(settings, session, counts)):
            tasks.append(asyncio.create_task(_later(viewer, delay_s)))
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):  # a bug in a viewer
            raise outcome
    return counts


def _audience(world: World) -> list[tuple[Viewer, float]]:
    """All viewers, each with the seconds after which it comes."""
    settings = world.settings
    zones = dict.fromkeys(zone for zone, _ in settings.nodes)
    shares = {zone: settings.shares.get(zone, 0.0) if settings.shares else 1.0 for zone in zones}
    rng = random.Random(settings.seed)
    return [
        (Viewer(zone, world, random.Random(f"{settings.seed}:{number}")), rng.uniform(0, settings.arrive_s))
        for number, zone in enumerate(by_zone(shares, settings.viewers))
    ]


async def _later(viewer: Viewer, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    await viewer.live()


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


async def _report(counts: ViewerCounts, out: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        out(orjson.dumps(counts).decode())
