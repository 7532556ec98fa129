"""Several real origins that die, hang and come back; what viewers get meanwhile."""

import asyncio
import random
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from cache.pretend_origin import PretendOrigin, ask
from edge.cache.cache import EdgeCache
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream
from edge.config import OriginConfig
from edge.config.origins import OriginServer
from edge.decide.origins import OriginState
from edge.shell.originhealth import OriginHealth

PATHS = [f"/live/v240/{number}.m4s" for number in range(200)]


@pytest.fixture
async def pair() -> AsyncIterator[list[PretendOrigin]]:
    """Two origins with the same media."""
    made = [PretendOrigin(), PretendOrigin()]
    for one in made:
        await one.start()
        for path in PATHS:
            one.serve(path, b"media", {"Cache-Control": "max-age=300"})
    yield made
    for one in made:
        await one.stop()


class Fed:
    """A cache before several origins."""

    def __init__(self, pair: list[PretendOrigin], rules: OriginConfig, **limits: float) -> None:
        servers = tuple(OriginServer(one.url) for one in pair)
        settings = CacheSettings(origin="", origins=servers, origin_rules=rules, **limits)  # type: ignore[arg-type]
        self.upstream = Upstream("pune", settings, random.Random(7))
        self.cache = EdgeCache("pune", settings, self.upstream, time.monotonic)

    @property
    def states(self) -> tuple[OriginState, ...]:
        return self.upstream.origins.states

    def up(self) -> list[bool]:
        return [self.upstream.origins.is_up(one) for one in self.states]

    async def ask(self, *paths: str) -> list[int]:
        """Statuses of one request after the other."""
        return [(await ask(self.cache, path)).status for path in paths]

    async def ask_at_once(self, *paths: str) -> set[int]:
        return {one.status for one in await asyncio.gather(*(ask(self.cache, path) for path in paths))}


@asynccontextmanager
async def fed(
    pair: list[PretendOrigin], rules: OriginConfig | None = None, **limits: float
) -> AsyncIterator[Fed]:
    made = Fed(pair, rules or OriginConfig(), **limits)
    await made.cache.start()
    try:
        yield made
    finally:
        await made.cache.close()


async def test_both_are_asked_each_for_its_own_paths(pair: list[PretendOrigin]) -> None:
    async with fed(pair) as two:
        assert set(await two.ask(*PATHS)) == {200}
    shares = [one.counts.total() for one in pair]
    assert sum(shares) == len(PATHS)
    assert min(shares) > 70
    assert [state.requests for state in two.states] == shares


async def test_no_viewer_notices_that_one_of_two_origins_dies(pair: list[PretendOrigin]) -> None:
    async with fed(pair) as two:
        assert set(await two.ask(*PATHS[:50])) == {200}
        await pair[0].stop()
        assert set(await two.ask(*PATHS[50:])) == {200}
        assert two.up() == [False, True]
        assert two.cache.counters.fill_errors == {}
        assert sum(two.states[0].failed.values()) == 3  # then it was left alone


async def test_what_is_under_way_to_an_origin_that_dies_goes_to_the_other(pair: list[PretendOrigin]) -> None:
    arrived = set()

    async def die(asked: web.Request) -> web.StreamResponse:
        arrived.add(asked.path)
        await asyncio.sleep(0.2)
        assert asked.transport
        asked.transport.abort()
        return web.Response()

    for path in PATHS[:100]:
        pair[0].on(path, die)
    async with fed(pair) as two:
        assert await two.ask_at_once(*PATHS[:100]) == {200}
        assert len(arrived) > 30
        assert two.states[0].failed == {"broken": len(arrived)}


async def test_an_origin_that_answers_500_to_all_is_left(pair: list[PretendOrigin]) -> None:
    for path in PATHS:
        pair[1].serve(path, status=503)
    async with fed(pair) as two:
        assert set(await two.ask(*PATHS)) == {200}
        assert two.states[1].failed == {"status_503": 3}


async def test_an_origin_that_hangs_costs_the_first_ones_a_moment(pair: list[PretendOrigin]) -> None:
    for path in PATHS:
        pair[0].hold(path)
    async with fed(pair, failover_after_s=0.3) as two:
        begun = time.monotonic()
        assert await two.ask_at_once(*PATHS[:40]) == {200}
        assert 0.3 <= time.monotonic() - begun < 2.0  # not the 4 s of a silence
        assert list(two.states[0].failed) == ["slow"]
        assert two.up() == [False, True]
        asked = two.states[0].requests
        assert await two.ask_at_once(*PATHS[40:80]) == {200}
        assert two.states[0].requests == asked


async def test_one_that_hangs_in_mid_body_costs_them_half_of_their_time(pair: list[PretendOrigin]) -> None:
    async def hang(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(asked)
        await response.write(b"half")
        await asyncio.Event().wait()
        return response

    for path in PATHS:
        pair[0].on(path, hang)
    async with fed(pair, fill_timeout_s=1.0) as two:
        begun = time.monotonic()
        assert await two.ask_at_once(*PATHS[:40]) == {200}
        assert time.monotonic() - begun >= 0.5
        assert two.up() == [False, True]


async def test_slow_origins_are_waited_for_where_no_other_is_better(pair: list[PretendOrigin]) -> None:
    async def think(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(body=b"media")

    for one in pair:
        for path in PATHS:
            one.on(path, think)
    async with fed(pair, failover_after_s=0.1, connections_max=20, retry_share=0.0) as two:
        for begin in range(0, 200, 20):
            assert await two.ask_at_once(*PATHS[begin : begin + 20]) == {200}
        assert sum(one.counts.total() for one in pair) <= 200 + 40


async def test_a_blocking_reload_is_waited_for(pair: list[PretendOrigin]) -> None:
    async def think(_: web.Request) -> web.Response:
        await asyncio.sleep(0.2)
        return web.Response(body=b"#EXTM3U\n")

    for one in pair:
        one.on("/live/main.m3u8", think)
    async with fed(pair, failover_after_s=0.1) as two:
        assert (await ask(two.cache, "/live/main.m3u8", "_HLS_msn=7")).status == 200
        assert sum(one.counts.total() for one in pair) == 1


async def test_an_origin_that_drips_is_found_though_it_is_never_silent(pair: list[PretendOrigin]) -> None:
    async def drip(asked: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(asked)
        while True:
            await response.write(b".")
            await asyncio.sleep(0.05)

    for path in PATHS[:40]:
        pair[0].on(path, drip)
    async with fed(pair, fill_timeout_s=1) as two:
        assert 504 in await two.ask_at_once(*PATHS[:40])
        assert two.up() == [False, True]
        assert set(await two.ask(*PATHS[40:])) == {200}


async def test_one_request_tries_it_after_the_pause_and_all_come_back(pair: list[PretendOrigin]) -> None:
    async with fed(pair, OriginConfig(pause_min_s=0.2, pause_max_s=0.2)) as two:
        await pair[0].stop()
        assert set(await two.ask(*PATHS[:20])) == {200}
        await asyncio.sleep(0.25)
        assert await two.ask_at_once(*PATHS[20:60]) == {200}
        assert two.states[0].requests == 4  # one trial
        await pair[0].start()
        await asyncio.sleep(0.25)
        assert set(await two.ask(*PATHS[60:])) == {200}
        assert two.up() == [True, True]
        assert pair[0].counts.total() > 50


async def test_when_all_are_down_one_that_comes_back_is_noticed_at_once(pair: list[PretendOrigin]) -> None:
    async with fed(pair, OriginConfig(pause_min_s=30), retry_share=0.0) as two:
        for one in pair:
            await one.stop()
        assert set(await two.ask(*PATHS[:20])) == {502}
        assert two.up() == [False, False]
        await pair[1].start()
        assert set(await two.ask(*PATHS[20:])) == {200}
        assert two.up() == [False, True]


async def test_failing_over_has_a_budget_but_for_requests_that_were_not_taken(
    pair: list[PretendOrigin],
) -> None:
    for one in pair:
        for path in PATHS:
            one.serve(path, status=500)
    async with fed(pair, OriginConfig(failures=100), connections_max=20, retry_share=0.0) as two:
        assert set(await two.ask(*PATHS[:60])) == {502}
        assert sum(one.counts.total() for one in pair) == 60 + 40 + 10  # and ten of the same origin again
        for one in pair:
            await one.stop()
        before = sum(state.requests for state in two.states)
        assert set(await two.ask(*PATHS[100:105])) == {502}
        assert sum(state.requests for state in two.states) == before + 10


async def test_a_missing_object_is_an_answer_and_no_failure(pair: list[PretendOrigin]) -> None:
    async with fed(pair) as two:
        assert set(await two.ask(*(f"/missing/{number}" for number in range(20)))) == {404}
        assert two.up() == [True, True]
        assert sum(one.counts.total() for one in pair) == 20


async def test_monsoon_sees_fills_that_fail_and_not_the_origin_that_another_stands_in_for(
    pair: list[PretendOrigin],
) -> None:
    async with fed(pair) as two:
        health = OriginHealth(two.cache)
        health.failing(0.0)
        await pair[0].stop()
        await two.ask(*PATHS[:50])
        assert health.failing(1.0) == 0.0
        await pair[1].stop()
        await two.ask(*PATHS[50:100])
        assert health.failing(2.0) == 0.5


async def test_a_host_that_does_not_even_refuse_is_given_up_soon(
    pair: list[PretendOrigin],
) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):  # the queue is full then, and who comes later hears nothing
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        pair[0].url = f"http://127.0.0.1:{full.getsockname()[1]}"
        async with fed(pair, connect_timeout_s=0.5) as two:
            assert await two.ask_at_once(*PATHS[:40]) == {200}
            assert list(two.states[0].failed) == ["connect_timeout"]
