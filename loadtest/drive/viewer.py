"""One stay of a viewer: asks where to go, follows playlists, fetches what is new, and goes elsewhere when it fails.

What the timetable makes due is sent when it is due, though an earlier answer has not come: the beginning of a session,
each look at a playlist, each question to who steers. All else is due when the answer that calls for it is there.
"""

import asyncio
import random
import time
from dataclasses import dataclass
from urllib.parse import quote

from yarl import URL

from edge.demo.player import Stumble, join
from loadtest.drive import playlists
from loadtest.drive.abr import Throughput, choose, screen
from loadtest.drive.asker import Answer, Asker, HeldBack, Question
from loadtest.drive.cmcd import Told, field
from loadtest.drive.playback import Playback
from loadtest.drive.steering import Steered
from loadtest.drive.tally import Tally
from loadtest.drive.tracks import Track, Wanted

_PAUSE_MIN_S, _PAUSE_MAX_S = 0.1, 2.0  # after a failure
_CAPPED_S = 30.0  # after which a rung that was refused is tried again
_FOUND, _REFUSED, _GONE, _MANY = 302, 404, 410, 429


@dataclass(frozen=True, slots=True)
class Place:
    """One place in the audience: what does not change from session to session."""

    entries: tuple[str, ...]  # base URLs, the first to ask first
    path: str
    zone: str  # empty if nothing is said of it
    route: bool  # whether it asks where to go
    rank: tuple[int, int]  # of the screen, of so many
    language: int


class Viewer:
    """A session.

    Args:
        place: who it is.
        asker: sends requests.
        tally: counts.
        rng: its own chance.
    """

    def __init__(self, place: Place, asker: Asker, tally: Tally, rng: random.Random) -> None:
        self._place, self._asker, self._tally, self._rng = place, asker, tally, rng
        self._sid = f"{rng.getrandbits(64):016x}"
        self._throughput = Throughput()
        self._playback: Playback | None = None
        self._tracks: list[Track] = []
        self._steered: Steered | None = None
        self._rung, self._kbps = 0, 0.0
        self._ceiling, self._ceiling_until = 0, 0.0  # a rung that was refused, and how long it is left alone
        self._tries, self._segments = 0, 0
        self._stalls_told = 0

    def stalled(self, now: float) -> bool:
        """Whether its picture stands."""
        return self._playback is not None and self._playback.stands(now)

    async def watch(self, due: float, until: float) -> None:
        """Watch from when it was due until a time, monotonic seconds."""
        self._tally.counts["sessions"] += 1
        self._tally.waiting += 1
        try:
            async with asyncio.timeout(until - time.monotonic()):
                await self._stay(due, until)
        except TimeoutError:
            pass  # the session is over
        finally:
            self._leave(time.monotonic())

    async def _stay(self, due: float, until: float) -> None:
        pause_s, begun = _PAUSE_MIN_S, due
        while time.monotonic() < until:  # a failure at the very end would swallow the timeout
            before = self._segments
            try:
                await self._play(await self._where(due), begun)
            except* Stumble:
                self._tally.counts["rerouted"] += 1
            if self._segments > before:
                pause_s = _PAUSE_MIN_S
            for track in self._tracks:
                track.leave()
            await asyncio.sleep(pause_s * self._rng.uniform(0.5, 1.5))
            due, pause_s = time.monotonic(), min(_PAUSE_MAX_S, 2 * pause_s)

    def _leave(self, now: float) -> None:
        playback = self._playback
        if playback is None or playback.began is None:
            self._tally.waiting -= 1
            return
        self._tally.watching -= 1
        self._tally.stalled_s += playback.stalled_s(now)
        self._tally.stalls += playback.stalls
        self._tally.watched_s += now - playback.began
        self._tally.counts["skipped"] += sum(track.skipped for track in self._tracks)

    async def _where(self, due: float) -> str:
        """The address to play from; asked of the next entry point each time."""
        entry = self._place.entries[self._tries % len(self._place.entries)]
        self._tries += 1
        path = self._place.path
        if not self._place.route:
            return entry + path
        zone = f"&zone={quote(self._place.zone, safe='')}" if self._place.zone else ""
        question = Question(
            f"{entry}/v1/route?path={quote(path, safe='/')}{zone}",
            "route",
            due,
            fine=(_FOUND,),
            follow=False,
            planned=self._tries == 1,
        )
        answer = await self._asker.ask(question, self._cmcd("m"))
        if answer.status != _FOUND or not answer.location:
            raise Stumble("no route")
        return str(URL(join(entry, answer.location), encoded=True).without_query_params("CMCD"))

    async def _play(self, url: str, begun: float) -> None:
        """Play from an address until something fails."""
        answer = await self._asker.ask(Question(url, "playlist", time.monotonic()), self._cmcd("m"))
        steered = self._steered = Steered(playlists.main(answer.body, answer.url))
        self._settle()
        if not self._tracks:
            sound = steered.pathway.audio(self._rung, self._place.language)
            self._tracks = [Track("v"), Track("a")] if sound else [Track("av")]
            self._playback = Playback(tuple(track.kind for track in self._tracks))
        async with asyncio.TaskGroup() as group:
            for track in self._tracks:
                group.create_task(self._follow(track, group))
                group.create_task(self._fetch(track, begun))
            if steered.server:
                group.create_task(self._steer(steered))

    def _settle(self) -> None:
        """The rung of before, or the next below, in a playlist that may name others."""
        assert self._steered
        rates = [one.kbps for one in self._steered.pathway.variants]
        self._rung = max((index for index, rate in enumerate(rates) if rate <= self._kbps), default=0)
        self._kbps = rates[self._rung]

    async def _follow(self, track: Track, group: asyncio.TaskGroup) -> None:
        """Look at the playlist once each target duration, however long the answers take."""
        due = time.monotonic()
        await self._look(track, due, planned=False)
        while True:
            due += track.target_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            group.create_task(self._look(track, due, planned=True))

    async def _look(self, track: Track, due: float, *, planned: bool) -> None:
        assert self._steered
        pathway, rung = self._steered.pathway, min(self._rung, len(self._steered.pathway.variants) - 1)
        kbps = pathway.variants[rung].kbps if track.kind != "a" else 0.0
        url = pathway.variants[rung].url
        if track.kind == "a":
            url = pathway.audio(rung, self._place.language) or url
        refused = (_REFUSED,) if rung and track.kind != "a" else ()
        question = Question(track.moved.get(url, url), "playlist", due, fine=refused, planned=planned)
        try:
            answer = await self._asker.ask(question, self._cmcd("m"))
        except HeldBack:
            return
        if answer.status == _REFUSED:
            self._tally.counts["capped"] += 1
            self._ceiling, self._ceiling_until = rung, time.monotonic() + _CAPPED_S
            self._rung = rung - 1
            return
        if answer.url != question.url:
            track.moved[url] = answer.url
        playlist = playlists.media(answer.body)
        others = (one.first for one in self._tracks)
        track.begin(playlist, next((one for one in others if one is not None), None))
        track.take(playlist, answer.url, kbps, time.monotonic())

    async def _fetch(self, track: Track, begun: float) -> None:
        """Fetch what waits, one after another."""
        free = 0.0
        while True:
            wanted = await track.next()
            due = max(free, wanted.known)
            try:
                await self._fetch_one(track, wanted, due)
            except HeldBack:
                await asyncio.sleep(track.target_s)
                free = time.monotonic()  # it is due anew: what was held back is counted as that
                continue
            free = time.monotonic()
            track.got(wanted)
            self._arrived(track, wanted, begun, free)

    async def _fetch_one(self, track: Track, wanted: Wanted, due: float) -> None:
        segment, told = wanted.segment, wanted.kbps or None
        if segment.init and wanted.kbps not in track.inits:
            init = Question(join(wanted.base, segment.init), "segment", due)
            await self._asker.ask(init, self._cmcd("i", told))
            track.inits.add(wanted.kbps)
            due = time.monotonic()
        question = Question(join(wanted.base, segment.uri), "segment", due)
        answer = await self._asker.ask(question, self._cmcd(track.kind, told))
        if not answer.body:
            raise Stumble("empty segment")
        if track.kind != "a":
            self._throughput.saw(len(answer.body), answer.took_s)
            self._tally.rungs[str(round(wanted.kbps))] += 1

    def _arrived(self, track: Track, wanted: Wanted, begun: float, now: float) -> None:
        assert self._playback
        assert self._steered
        before = self._playback.began
        self._playback.arrived(track.kind, wanted.segment.seconds, now)
        self._segments += 1
        self._tally.counts["segments"] += 1
        if before is None and self._playback.began is not None:
            self._tally.startup.record(now - begun)
            self._tally.waiting -= 1
            self._tally.watching += 1
        if track.kind == "a":
            return
        rates = [one.kbps for one in self._steered.pathway.variants]
        top = screen(*self._place.rank, len(rates)) + 1
        if now < self._ceiling_until:
            top = min(top, self._ceiling)
        buffered = self._playback.level(now) / track.target_s
        self._rung = choose(rates[: max(1, top)], self._rung, self._throughput.kbps, buffered)
        self._kbps = rates[self._rung]

    async def _steer(self, steered: Steered) -> None:
        """Ask who steers, at the pace that it sets, until it ends steering."""
        due, planned = time.monotonic(), False
        while True:
            url, pause_s = steered.question(self._throughput.kbps), None
            question = Question(url, "steering", due, fine=(_GONE, _MANY), planned=planned)
            try:
                answer = await self._asker.ask(question, self._cmcd("o"))
                if answer.status == _GONE:
                    return
                pause_s = self._steered_by(answer, steered)
            except Stumble:
                pass  # counted; media goes on meanwhile
            due += steered.ttl_s if pause_s is None else pause_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            planned = True

    def _steered_by(self, answer: Answer, steered: Steered) -> float | None:
        """Seconds after which to ask again, where that is not the TTL."""
        if answer.status == _MANY:
            return float(answer.retry_after) if answer.retry_after.isdigit() else None
        if steered.told(answer.body, answer.url.partition("?")[0]):
            self._tally.counts["steered"] += 1
        return None

    def _cmcd(self, kind: str, kbps: float | None = None) -> str:
        now, playback = time.monotonic(), self._playback
        media = kind not in ("m", "o")
        starved = playback is not None and playback.stalls > self._stalls_told
        if media and playback is not None:
            self._stalls_told = playback.stalls
        moves = playback is not None and playback.began is not None and not playback.stands(now)
        buffered = playback.level(now) if playback is not None and media and kind != "i" else None
        told = Told(self._sid, kind, starved and media, not moves, kbps, buffered, self._throughput.kbps)
        return field(told)
