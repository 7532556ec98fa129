"""Requests on real sockets: a latency counts from when the request was due, and the rate is never exceeded."""

import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from edge.demo.player import Stumble
from loadtest.drive.asker import Asker, HeldBack, Question, connections
from loadtest.drive.tally import Failure, Tally


async def answer(request: web.BaseRequest) -> web.StreamResponse:
    if request.path == "/gone":
        return web.Response(status=302, headers={"Location": f"/here?{request.query_string}&kept=1"})
    return web.Response(text=request.query_string, status=404 if request.path == "/none" else 200)


@pytest.fixture
async def url() -> AsyncIterator[str]:
    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}"
    await runner.cleanup()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with connections() as session:
        yield session


async def test_a_latency_counts_from_when_it_was_due(url: str, http: aiohttp.ClientSession) -> None:
    tally, now = Tally(), time.monotonic()
    asker = Asker(http, tally, now, 100)
    await asker.ask(Question(f"{url}/x", "segment", now - 1.0, planned=True), "CMCD=a")
    assert tally.histograms["segment"].percentile_ms(50) >= 1000
    assert tally.lateness.percentile_ms(50) >= 1000
    assert tally.nodes == {url.removeprefix("http://"): 1}


async def test_redirects_lead_on_and_what_is_told_stays_out_of_addresses(
    url: str, http: aiohttp.ClientSession
) -> None:
    asker = Asker(http, Tally(), time.monotonic(), 100)
    found = await asker.ask(Question(f"{url}/gone?token=1", "playlist", time.monotonic()), "CMCD=a")
    assert found.body == b"token=1&CMCD=a&kept=1"
    assert found.url == f"{url}/here?token=1&kept=1"


async def test_failures_have_reasons_and_seconds(url: str, http: aiohttp.ClientSession) -> None:
    tally, began = Tally(), time.monotonic() - 7.5
    asker = Asker(http, tally, began, 100)
    for wrong, said in (
        (f"{url}/none", "playlist status 404"),
        ("http://127.0.0.1:9/", "playlist unreachable"),
    ):
        with pytest.raises(Stumble, match=said):
            await asker.ask(Question(wrong, "playlist", began + 6.5), "CMCD=a")
        assert tally.failures[Failure(6, 7, said)] == 1
    fine = Question(f"{url}/none", "playlist", began + 6.5, fine=(404,))
    assert (await asker.ask(fine, "CMCD=a")).status == 404
    assert tally.histograms["playlist"].count == 1


async def test_no_more_than_the_rate_is_sent(url: str, http: aiohttp.ClientSession) -> None:
    tally = Tally()
    asker = Asker(http, tally, time.monotonic(), 3)
    question = Question(f"{url}/x", "segment", time.monotonic())
    for _ in range(3):
        await asker.ask(question, "CMCD=a")
    with pytest.raises(HeldBack):
        await asker.ask(question, "CMCD=a")
    assert (tally.requests, tally.held_back, tally.failed) == (3, 1, 0)
