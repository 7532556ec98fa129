"""The law of purging with a disk below, for every order of requests, purges, restarts and kills.

What a purge has hit is never answered to who asks after it, also by later processes if it was recorded before they
began; after a soft purge only as what it is: stale.
"""

import asyncio
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from cache.disk_world import DiskWorld, recorded, written
from cache.pretend_origin import Clock, PretendOrigin, body_of, request
from cache.test_purge_law import KEYS, PURGES, is_stale, tags_at
from edge.cache.cache import EdgeCache
from edge.cache.purge import Purge, hits
from edge.cache.receiving import UpstreamError, UpstreamResponse

LIMITS = {"objects_max": 1, "purge_slice": 1, "fill_timeout_s": 5.0, "failure_memory_s": 0.0}
STEPS = st.lists(
    st.one_of(
        *[st.tuples(st.just("ask"), st.sampled_from(KEYS), st.booleans())] * 3,  # is the origin up?
        st.tuples(st.just("purge"), PURGES, st.booleans()),
        st.tuples(st.sampled_from(["restart", "kill", "written", "recorded", "kill recorded"])),
    ),
    min_size=8,
    max_size=30,
)
Steps = list[tuple[str | Purge | bool, ...]]


class Play:
    """One folder, one cache after another, and all purges so far."""

    def __init__(self, folder: Path) -> None:
        self.world = DiskWorld(PretendOrigin(), Clock(), folder)
        self.purges: list[Purge] = []
        self.void: set[int] = set()  # those of a process that was killed before they were recorded
        self.first = 0  # of the purges of this process
        self.up = True

    async def fetch(self, target: str, conditions: Mapping[str, str], loop: str = "") -> UpstreamResponse:
        """What the origin says is as old as the question: the body is the number of purges until then."""
        if not self.up:
            raise UpstreamError("broken")
        number = len(self.purges)
        tags = " ".join(tags_at(target, number))
        control = {"Cache-Control": "max-age=60, stale-if-error=600", "ETag": f'"{number}"'}
        return UpstreamResponse(200, {**control, "Surrogate-Key": tags}, f"{number}".encode())

    async def start(self) -> EdgeCache:
        cache = await self.world.start(**LIMITS)
        cache._filler._upstream.fetch = self.fetch  # type: ignore[method-assign]
        return cache

    async def run(self, steps: Steps) -> None:
        cache = await self.start()
        for step in steps:
            match step:
                case ("ask", str(key), bool(up)):
                    self.up = up
                    await self.ask(cache, key)
                case ("purge", Purge() as purge, bool(soft)):
                    order = replace(purge, soft=soft)
                    cache.purge(order)
                    self.purges.append(order)
                case ("written",):
                    await written(cache)
                case ("recorded",):
                    await recorded(cache)
                case (str(how),):
                    cache = await self.again(cache, how)
        await self.world.stop()

    async def again(self, cache: EdgeCache, how: str) -> EdgeCache:
        if how == "restart":
            await self.world.stop()
            return await self.start()
        if how == "kill recorded":
            await recorded(cache)
        if not cache.recorded:
            self.void |= set(range(self.first, len(self.purges)))
        await self.world.kill()
        self.first = len(self.purges)
        return await self.start()

    async def ask(self, cache: EdgeCache, key: str) -> None:
        path, _, query = key.partition("?")
        answer = await cache.handle(request(path, query))
        if answer.status != 200:
            return
        number = int(body_of(answer))
        since = [
            one
            for position, one in enumerate(self.purges[number:], number)
            if position not in self.void and hits(one, key, tags_at(key, number))
        ]
        assert all(one.soft for one in since), f"{key} of {number} was given after {since}"
        assert not since or is_stale(answer)


@settings(max_examples=25, deadline=None)
@given(steps=STEPS)
def test_what_was_purged_never_comes_back_from_disk(steps: Steps) -> None:
    async def play(folder: Path) -> None:
        async with asyncio.timeout(30):
            await Play(folder).run(steps)

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder)))
