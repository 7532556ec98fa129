"""kill -9 at any moment: nothing torn is served, nothing stored is lost, and the next process is soon ready."""

import asyncio
import json
import logging
import random
import sys
from contextlib import suppress
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cache.pretend_origin import PretendOrigin
from conformance.conftest import BACKENDS
from conformance.lives import Lives
from programs import TESTS, output_of
from waiting import until

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures

KILLS = 5
READY_S = 2.0
STORED = [f"/films/{number}.mp4" for number in range(200)]
VIEWERS = 8
MEDIA = {"Content-Type": "video/mp4", "Cache-Control": "max-age=3600"}


def body_of(path: str) -> bytes:
    """Of 20 to 600 KB, another one for each path."""
    rng = random.Random(path)
    return rng.randbytes(rng.randrange(20_000, 600_000))


def fresh(kill: int) -> list[str]:
    """What nobody has asked for before that kill."""
    return [f"/live/v{kill}/{number}.m4s" for number in range(100)]


@pytest.fixture
async def lives(
    request: pytest.FixtureRequest, origin: PretendOrigin, http: aiohttp.ClientSession, tmp_path: Path
) -> Lives:
    async def anything(asked: web.Request) -> web.StreamResponse:
        """In two halves, so that some are always on their way."""
        body, response = body_of(asked.path), web.StreamResponse(headers=MEDIA)
        response.content_length = len(body)
        with suppress(ConnectionError):  # it was killed
            await response.prepare(asked)
            await response.write(body[: len(body) // 2])
            await asyncio.sleep(0.03)
            await response.write(body[len(body) // 2 :])
        return response

    origin.otherwise = anything
    return Lives(request.param, tmp_path, origin.url, http)


async def watch(lives: Lives, paths: list[str], rng: random.Random) -> None:
    """One viewer, who goes on until the node is gone."""
    with suppress(aiohttp.ClientError):  # cut off, and told so
        while True:
            path = rng.choice(paths)
            answer = await lives.get(path)
            assert answer.status in (200, 502, 503)
            if answer.status == 200:
                assert answer.body == body_of(path), f"{path} is torn"


@pytest.mark.timeout(150)
async def test_a_store_is_killed_200_times_while_it_writes(tmp_path: Path) -> None:
    kills = 200
    script = f"{TESTS}/cache/crash.py"
    printed = await output_of(sys.executable, script, str(tmp_path), str(kills), "1", within_s=120)
    summary = json.loads(printed.splitlines()[-1])
    assert summary["lives"] == kills
    assert summary["found"] > kills
    assert summary["finished"] > kills
    assert summary["slowest_start_s"] < READY_S


@pytest.mark.timeout(120)
@pytest.mark.parametrize("lives", BACKENDS, indirect=True)
async def test_a_node_that_is_killed_is_ready_again_in_two_seconds_with_all_that_it_had(
    lives: Lives, origin: PretendOrigin
) -> None:
    rng, starts = random.Random(9), list[float]()
    async with lives.life():
        for first in range(0, len(STORED), VIEWERS):  # all might be more than the backlog takes
            await asyncio.gather(*(lives.get(path) for path in STORED[first : first + VIEWERS]))
        await until(lambda: lives.stored() == len(STORED), 20)
    asked = origin.counts.total()
    for kill in range(KILLS):
        async with lives.life() as took_s:
            starts.append(took_s)
            for path in rng.sample(STORED, 40):
                answer = await lives.get(path)
                assert answer.body == body_of(path)
                assert answer.cache.startswith("hit")
            assert origin.counts.total() == asked
            viewers = [asyncio.create_task(watch(lives, fresh(kill), rng)) for _ in range(VIEWERS)]
            await lives.storing()
            await asyncio.sleep(rng.uniform(0, 0.1))
        await asyncio.gather(*viewers)
        asked = origin.counts.total()
    log.info("ready after %s s", starts)
    assert max(starts) < READY_S
    last = fresh(KILLS - 1)
    async with lives.life():
        found = await asyncio.gather(*(lives.get(path) for path in last))
    assert [answer.body for answer in found] == [body_of(path) for path in last]
