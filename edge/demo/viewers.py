"""Simulated viewers that do what a player does: ask where to go, follow playlists, fetch every segment once.

Each has a CMCD session id (CTA-5004), a zone, a rung and a language; when its node fails it asks another one. They share
one connection pool, and playlists are parsed once for all who got the same text.
"""

import asyncio
import functools
import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote, urljoin

import aiohttp
import m3u8
import orjson

REPORT_EVERY_S = 2.0
SESSION_MEAN_S = 120.0  # then a viewer leaves and another comes
START_BEHIND = 3  # segments before the live edge at which a player starts (RFC 8216 §6.3.3)
_TIMEOUT = aiohttp.ClientTimeout(total=6, sock_connect=1)
_CONNECTIONS = 2000
_BACKOFF_S = (0.1, 2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSettings:
    """What may be set about the viewers."""

    nodes: tuple[tuple[str, str], ...]  # zone and public URL of each node; viewers per zone follow `shares`
    viewers: int
    seed: int = 1
    arrive_s: float = 15.0
    path: str = "/live/main.m3u8"
    shares: dict[str, float] = field(default_factory=dict)  # by zone; none: alike


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
    failures: Counter[str] = field(default_factory=Counter)  # by kind, a fixed few


class Stumble(Exception):  # noqa: N818  (an event in a viewer's life, not a fault of the program)
    """Something failed and the viewer must ask for another node."""


class MediaPlaylist(NamedTuple):
    """What a viewer needs of a media playlist."""

    first: int
    uris: tuple[str, ...]
    target_s: float


@functools.lru_cache(maxsize=64)
def parse_variants(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """URIs of the video renditions, lowest first, and of the audio renditions."""
    playlist = m3u8.loads(text)
    ranked = sorted(playlist.playlists, key=lambda one: one.stream_info.bandwidth or 0)
    audios = [one for one in playlist.media if one.type == "AUDIO"]
    return tuple(one.uri or "" for one in ranked), tuple(one.uri or "" for one in audios)


@functools.lru_cache(maxsize=256)
def parse_media(text: str) -> MediaPlaylist:
    """Segments of a media playlist."""
    playlist = m3u8.loads(text)
    return MediaPlaylist(
        playlist.media_sequence or 0,
        tuple(one.uri or "" for one in playlist.segments),
        playlist.target_duration or 2.0,
    )


class Viewer:
    """One viewer.

    Args:
        zone: where it is.
        settings: the nodes.
        session: shared connections.
        counts: shared totals.
        rng: its own chance.
    """

    def __init__(
        self,
        zone: str,
        settings: ViewerSettings,
        session: aiohttp.ClientSession,
        counts: ViewerCounts,
        rng: random.Random,
    ) -> None:
        self._zone = zone
        self._settings = settings
        self._session = session
        self._counts = counts
        self._rng = rng
        self._sid = ""

    async def live(self) -> None:
        """Watch one session after another, for ever."""
        while True:
            self._sid = f"{self._rng.getrandbits(64):016x}"
            self._counts.sessions += 1
            try:
                async with asyncio.timeout(self._rng.expovariate(1 / SESSION_MEAN_S) + 10):
                    await self._watch()
            except TimeoutError:
                pass  # the session is over

    async def _watch(self) -> None:
        pause_s = _BACKOFF_S[0]
        while True:
            self._counts.watching += 1
            try:
                await self._play(await self._route())
            except Stumble as stumble:
                self._counts.failures[str(stumble)] += 1
                self._counts.rerouted += 1
            finally:
                self._counts.watching -= 1
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.5))
            pause_s = min(_BACKOFF_S[1], 2 * pause_s)

    async def _route(self) -> str:
        """The address to play from: asked of a node of the own zone, else of any."""
        near = [url for zone, url in self._settings.nodes if zone == self._zone]
        far = [url for zone, url in self._settings.nodes if zone != self._zone]
        self._rng.shuffle(far)
        question = f"/v1/route?path={quote(self._settings.path)}&zone={quote(self._zone)}"
        for node in near + far[:3]:
            self._counts.requests += 1
            try:
                async with self._session.get(node + question, allow_redirects=False) as answer:
                    if answer.status == 302:
                        return answer.headers["Location"]
            except (aiohttp.ClientError, TimeoutError, OSError):
                continue
        raise Stumble("no route")

    async def _play(self, url: str) -> None:
        videos, audios = parse_variants((await self._get(url, "m")).decode())
        if not videos:
            raise Stumble("bad playlist")
        chosen = [urljoin(url, self._rng.choice(videos))]
        if audios:
            chosen.append(urljoin(url, self._rng.choice(audios)))
        last: dict[str, int] = {}
        begun, first = 0.0, 0
        while True:
            asked = time.monotonic()
            target_s = 2.0
            for playlist_url in chosen:
                playlist = parse_media((await self._get(playlist_url, "m")).decode())
                target_s = playlist.target_s
                await self._fetch_new(playlist_url, playlist, last)
            begun = begun or time.monotonic()
            first = first or min(last.values()) - START_BEHIND
            self._note_stall(begun, min(last.values()) - first, target_s)
            await asyncio.sleep(max(0.1, target_s - (time.monotonic() - asked)))

    async def _fetch_new(self, url: str, playlist: MediaPlaylist, last: dict[str, int]) -> None:
        """All segments that are new since the last look; the first time, the last few."""
        newest = playlist.first + len(playlist.uris) - 1
        after = last.get(url, newest - START_BEHIND)
        for number in range(max(after + 1, playlist.first), newest + 1):
            body = await self._get(urljoin(url, playlist.uris[number - playlist.first]), "v")
            if not body:
                raise Stumble("empty segment")
            self._counts.segments += 1
        last[url] = max(after, newest)

    def _note_stall(self, begun: float, segments: int, target_s: float) -> None:
        """Count one where played time has caught up with what is there."""
        if time.monotonic() - begun > segments * target_s:
            self._counts.stalls += 1

    async def _get(self, url: str, kind: str) -> bytes:
        self._counts.requests += 1
        cmcd = quote(f'ot={kind},sf=h,sid="{self._sid}",st=l')
        try:
            async with self._session.get(f"{url}?CMCD={cmcd}") as answer:
                body = await answer.read()
        except TimeoutError:
            raise Stumble("timeout") from None
        except (aiohttp.ClientError, OSError):
            raise Stumble("connection") from None
        if answer.status != 200:
            raise Stumble(f"status {answer.status}")
        self._counts.received_bytes += len(body)
        return body


async def run_viewers(
    settings: ViewerSettings, stop: asyncio.Event, out: Callable[[str], None]
) -> ViewerCounts:
    """Let all viewers come within `arrive_s` and watch until `stop`; every `REPORT_EVERY_S` a JSON line of totals."""
    counts = ViewerCounts()
    rng = random.Random(settings.seed)
    zones = list(dict.fromkeys(zone for zone, _ in settings.nodes))
    weights = [settings.shares.get(zone, 0.0 if settings.shares else 1.0) for zone in zones]
    tasks: list[asyncio.Task[None]] = []
    connector = aiohttp.TCPConnector(limit=_CONNECTIONS)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
        reporter = asyncio.create_task(_report(counts, out))
        for number, zone in enumerate(rng.choices(zones, weights, k=settings.viewers)):
            viewer = Viewer(
                zone, settings, session, counts, random.Random(f"{settings.seed}:viewer:{number}")
            )
            delay_s = rng.uniform(0, settings.arrive_s)
            tasks.append(asyncio.create_task(_later(viewer, delay_s)))
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([stopped, reporter, *tasks], return_when=asyncio.FIRST_COMPLETED)
        for task in (stopped, reporter, *tasks):
            task.cancel()
        outcomes = await asyncio.gather(reporter, *tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome
    return counts


async def _later(viewer: Viewer, delay_s: float) -> None:
    await asyncio.sleep(delay_s)
    await viewer.live()


async def _report(counts: ViewerCounts, out: Callable[[str], None]) -> None:
    while True:
        await asyncio.sleep(REPORT_EVERY_S)
        out(orjson.dumps(counts).decode())
