"""The law of purging, for every interleaving of requests, purges, answers of the origin and turns of the event loop.

After a hard purge, nothing that it hit is given to who asks from then on until a fill that began after it has brought
it anew; after a soft purge, only as what it is: stale.
"""

import asyncio
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cache.pretend_origin import Clock, body_of, request
from edge.cache.cache import EdgeCache
from edge.cache.disk.body import BrokenBodyError
from edge.cache.growing import GrowingBody, GrowingSpan
from edge.cache.objects import CacheResponse
from edge.cache.purge import Purge, hits
from edge.cache.receiving import UpstreamError, UpstreamResponse
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream

KEYS = ["/a/1.m4s", "/a/1.m4s?_HLS_msn=1", "/b/2.m4s"]
TAGS = [(), ("x",), ("y",), ("x", "y")]
PURGES = st.one_of(
    st.builds(Purge, st.just("url"), st.sampled_from(["/a/1.m4s", "/b/2.m4s"])),
    st.builds(Purge, st.just("prefix"), st.sampled_from(["/", "/a", "/b/"])),
    st.builds(Purge, st.just("tag"), st.sampled_from("xy")),
)
ASKS = st.tuples(st.just("ask"), st.sampled_from(KEYS))
# 100: the header at once, the body with a later answer.
ANSWERS = st.tuples(st.just("answer"), st.sampled_from([200, 200, 100, 100, 304, 502]), st.integers(0, 5))
WAITS = st.tuples(st.just("wait"), st.sampled_from([0.3, 40.0, 70.0]))
TURNS = st.sampled_from([0, 1, 2, 8])  # of the event loop, after a step; 8 let everything settle
STEP = st.one_of(ASKS, ASKS, ANSWERS, WAITS, st.tuples(st.just("purge"), PURGES))
STEPS = st.lists(st.tuples(STEP, TURNS), min_size=20, max_size=60)  # short plays seldom reach a race
Steps = list[tuple[tuple[object, ...], int]]


class SlowOrigin(Upstream):
    """What it says is as old as the question: the body is the number of purges until then."""

    def __init__(self, world: "World") -> None:
        super().__init__("pune", world.settings, random.Random(7))
        self.world = world
        self.pending: list[asyncio.Future[int]] = []

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        number = len(self.world.purges)
        body = f"{number}".encode()
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pending.append(answered)
        status = await answered
        if status == 502:
            raise UpstreamError("broken")
        if status == 304 and conditions:
            return UpstreamResponse(304, {}, b"")
        control = {"Cache-Control": "max-age=60, stale-while-revalidate=30", "ETag": f'"{number}"'}
        headers = {**control, "Surrogate-Key": " ".join(tags_at(target, number))}
        return UpstreamResponse(200, headers, self.slowly(body) if status == 100 else body)

    def slowly(self, body: bytes) -> GrowingBody:
        """The body comes with a later answer, or breaks off."""
        growing = GrowingBody(None, len(body))
        answered: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.pending.append(answered)

        async def read() -> None:
            if await answered == 502:
                raise UpstreamError("broken")
            growing.add(body)

        growing.reading = asyncio.create_task(read())
        return growing

    def answer(self, status: int, which: int) -> None:
        if self.pending:
            self.pending.pop(which % len(self.pending)).set_result(status)


def tags_at(key: str, number: int) -> tuple[str, ...]:
    """Tags change with what they are of."""
    return TAGS[(len(key) + number) % len(TAGS)]


@dataclass
class World:
    """A cache before that origin, its viewers, and all purges so far."""

    soft: bool
    settings: CacheSettings = field(
        default_factory=lambda: CacheSettings(origin="http://127.0.0.1:9", objects_max=2)
    )
    clock: Clock = field(default_factory=Clock)
    purges: list[Purge] = field(default_factory=list)
    viewers: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.origin = SlowOrigin(self)
        self.cache = EdgeCache("pune", self.settings, self.origin, self.clock)

    async def play(self, steps: Steps) -> None:
        for step, turns in steps:
            match step:
                case "ask", str(key):
                    self.viewers.append(asyncio.create_task(self.view(key)))
                case "answer", int(status), int(which):
                    self.origin.answer(200 if self.soft and status == 304 else status, which)
                case "wait", float(seconds):
                    self.clock.now += seconds
                case "purge", Purge() as purge:
                    self.purge(replace(purge, soft=self.soft))
            for _ in range(turns):
                await asyncio.sleep(0)
        while not all(one.done() for one in self.viewers):
            self.origin.answer(200, 0)
            await asyncio.sleep(0)
        await asyncio.gather(*self.viewers)
        await self.cache.close()

    def purge(self, purge: Purge) -> None:
        stored = self.cache.stored_objects
        hit = self.cache.purge(purge)
        assert stored - self.cache.stored_objects == (0 if self.soft else hit)
        self.purges.append(purge)

    async def view(self, key: str) -> None:
        path, _, query = key.partition("?")
        asked = len(self.purges)
        answer = await self.cache.handle(request(path, query))
        if answer.status != 200:
            return
        try:
            body = await answer.body.read() if isinstance(answer.body, GrowingSpan) else body_of(answer)
        except BrokenBodyError:
            return
        number = int(body)
        purged = any(hits(one, key, tags_at(key, number)) for one in self.purges[number:asked])
        assert not purged or (self.soft and is_stale(answer)), f"{key} of {number} was given at {asked}"


def is_stale(answer: CacheResponse) -> bool:
    """Whether it says that it was served stale: as a hit without life left, or for want of an answer."""
    status = answer.headers["Cache-Status"]
    return "detail=" in status or int(status.partition("ttl=")[2] or 1) <= 0


@pytest.mark.parametrize("soft", [False, True])
@settings(max_examples=200, deadline=None)
@given(steps=STEPS)
def test_what_was_purged_is_never_answered_again_until_a_later_fill_has_brought_it(
    soft: bool, steps: Steps
) -> None:
    async def play() -> None:
        async with asyncio.timeout(20):
            await World(soft).play(steps)

    asyncio.run(play())
