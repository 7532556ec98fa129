"""Traces of whole nodes, as a collector gets them: requests, fills by way of another node, routes, purges."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from cache.tap import Tap
from edge.app import Node
from edge.decide.placement import ORIGIN, sources
from edge.shell.logs import JsonFormatter
from shell.tracing.collector import Collector, Told
from shell.tracing.conftest import Start
from waiting import until

SERVER, CLIENT = 2, 3
MEDIA = "GET /{path}"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
BEGUN = {"traceparent": f"00-{TRACE}-{PARENT}-01"}  # by somebody else


def owned_by(node: Node, folder: str) -> str:
    """A path that this node asks the origin for, and others this node."""
    paths = (f"{folder}/{number}.m4s" for number in range(1000))
    return next(path for path in paths if next(sources(node.gossip.view(), path, ())) == ORIGIN)


async def get(http: aiohttp.ClientSession, node: Node, path: str, **headers: str) -> int:
    async with http.get(node.member.public + path, headers=headers, allow_redirects=False) as answer:
        await answer.read()
        return answer.status


def chain(spans: list[Told], last: Told) -> list[Told]:
    """A span and what is above it, the root first."""
    found = [last]
    while above := [one for one in spans if one.span_id == found[0].parent_id]:
        found.insert(0, above[0])
    return found


async def test_a_request_that_passes_two_nodes_is_one_trace(
    start: Start, collector: Collector, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    near, owner = await start("near"), await start("owner")
    path = owned_by(owner, "/live")
    origin.serve(path, b"media", {"Cache-Control": "max-age=60"})
    assert await get(http, near, f"{path}?token=hunter2", CMCD_Session="x", Cookie="who=me") == 200
    await until(lambda: len(collector.spans) == 8, 8)

    assert len({one.trace_id for one in collector.spans}) == 1
    last = next(
        one
        for one in collector.spans
        if one.kind == CLIENT and one.attributes["edge.fill.source"] == "origin"
    )
    assert [(one.node, one.name) for one in chain(collector.spans, last)] == [
        ("near", MEDIA),
        ("near", "cache lookup"),
        ("near", "fill"),
        ("near", "GET"),
        ("owner", MEDIA),
        ("owner", "cache lookup"),
        ("owner", "fill"),
        ("owner", "GET"),
    ]
    root, lookup, _, asks, answers, *_ = chain(collector.spans, last)
    assert root.parent_id == ""
    assert all(
        one.start_ns <= last.start_ns < last.end_ns <= one.end_ns for one in (root, lookup, asks, answers)
    )
    asked = origin.seen[-1].headers["traceparent"]
    assert asked == f"00-{last.trace_id}-{last.span_id}-03"  # kept, and of random ids

    assert root.attributes == {
        "http.request.method": "GET",
        "http.route": "/{path}",
        "url.path": path,
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.response.status_code": 200,
        "edge.by_peer": False,
    }
    assert answers.attributes["edge.by_peer"] is True
    assert lookup.attributes["edge.cache.status"] == "miss"
    assert [
        (one.attributes["edge.fill.source"], one.attributes["edge.fill.hop"]) for one in (asks, last)
    ] == [
        ("peer", 1),
        ("origin", 2),
    ]
    assert last.attributes["url.full"] == origin.url + path
    assert collector.resource["service.name"] == "edge"
    for secret in (b"hunter2", b"who=me", b"aiohttp/", b"CMCD"):  # of the viewer nothing: no token, no agent
        assert not any(secret in raw for raw in collector.raw)
    assert not any("client.address" in one.attributes for one in collector.spans)


async def test_a_viewer_s_trace_is_taken_in_only_where_that_is_set(
    start: Start, collector: Collector, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    wary, trusting = await start("wary"), await start("trusting", tracing__trust_viewers="true")
    assert await get(http, wary, SEGMENT, **BEGUN, **{"Edge-Peer": "trusting; 1; 00"}) == 200
    assert await get(http, trusting, SEGMENT, **BEGUN) == 200
    await until(lambda: {one.node for one in collector.spans if one.name == MEDIA} == {"wary", "trusting"}, 8)
    by_viewers = [one for one in collector.spans if one.name == MEDIA and not one.attributes["edge.by_peer"]]
    assert sorted((one.node, one.trace_id == TRACE, one.parent_id) for one in by_viewers) == [
        ("trusting", True, PARENT),
        ("wary", False, ""),
    ]


async def test_a_hit_asks_nobody_and_a_failure_is_an_error(
    start: Start, collector: Collector, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune = await start("pune")
    origin.serve(SEGMENT, b"media", {"Cache-Control": "max-age=60"})
    origin.serve("/live/broken.m4s", b"", status=500)
    statuses = [await get(http, pune, path) for path in (SEGMENT, SEGMENT, "/live/broken.m4s")]
    assert statuses == [200, 200, 502]
    await until(lambda: len([one for one in collector.spans if one.name == MEDIA]) == 3, 8)
    lookups = await collector.named("cache lookup")
    assert [one.attributes["edge.cache.status"] for one in lookups] == ["miss", "hit", "miss"]
    *_, failure = await collector.named(MEDIA)
    assert (failure.is_error, failure.attributes["error.type"]) == (True, "502")
    fills = await collector.named("fill")
    assert [one.attributes.get("error.type") for one in fills] == [None, "status_500"]


async def test_a_fill_lasts_until_its_body_is_here(
    start: Start, collector: Collector, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, tap = await start("pune"), Tap(None, {"Cache-Control": "max-age=60"})
    origin.on("/live/long.m4s", tap)
    async with http.get(f"{pune.member.public}/live/long.m4s") as answer:
        [asked] = await collector.named("GET")
        await asyncio.sleep(0.3)
        tap.let(b"late")
        assert await answer.content.read(4) == b"late"
        tap.end()
        await answer.read()
    [fill] = await collector.named("fill")
    assert fill.end_ns - asked.end_ns > 3e8


async def test_a_route_says_whom_it_chose_and_why(
    start: Start, collector: Collector, http: aiohttp.ClientSession
) -> None:
    pune = await start("pune")
    assert await get(http, pune, "/v1/route?path=/live/main.m3u8&zone=west") == 302
    asked, route = await collector.named("GET /v1/route", "route")
    assert (route.parent_id, asked.kind) == (asked.span_id, SERVER)
    assert route.attributes["edge.route.node"] == "pune"
    assert route.attributes["edge.route.zone"] == "west"
    assert route.attributes["edge.route.reason"]


async def test_a_purge_is_one_trace_over_all_nodes(
    start: Start, collector: Collector, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await start("pune"), await start("delhi")
    for node in (pune, delhi):
        assert await get(http, node, SEGMENT) == 200
    async with http.post(pune.member.admin + "/v1/purge", json={"url": SEGMENT}) as answer:
        assert answer.status == 202
    await until(lambda: len([one for one in collector.spans if one.name == "purge"]) == 2, 8)
    [root] = [one for one in collector.spans if one.name == "purge" and not one.parent_id]
    [child] = [one for one in collector.spans if one.name == "purge" and one.parent_id]
    assert (root.node, child.node) == ("pune", "delhi")
    assert (root.trace_id, root.span_id) == (child.trace_id, child.parent_id)
    assert root.start_ns <= child.end_ns
    for one in (root, child):
        assert one.attributes["edge.purge.value"] == SEGMENT
        assert one.attributes["edge.purge.asked_at"] == "pune"
        assert one.attributes["edge.purge.objects"] == 1


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """What is logged as JSON."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel("DEBUG")
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


async def test_log_lines_of_a_request_bear_its_trace(
    lines: io.StringIO, start: Start, collector: Collector, http: aiohttp.ClientSession
) -> None:
    pune = await start("pune", log__format="json")
    assert await get(http, pune, SEGMENT) == 200
    [asked] = await collector.named(MEDIA)
    told = [json.loads(line) for line in lines.getvalue().splitlines()]
    [line] = [one for one in told if one["message"] == f"GET {SEGMENT}: 200"]
    assert (line["trace_id"], line["span_id"]) == (asked.trace_id, asked.span_id)
    assert not any("trace_id" in one for one in told if "serves:" in one["message"])
