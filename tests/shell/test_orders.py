"""`PURGE` at the public port of real nodes, and how long everybody took to act."""

from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import SEGMENT
from certificates import Authority
from edge.app import Node
from edge.cli.events import told_in_words
from running import Running
from waiting import until

TOKEN = "a long random word"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
async def pair(running: Running, tmp_path: Path) -> list[Node]:
    """Two that know each other, with a token."""
    (tmp_path / "token").write_text(TOKEN)
    nodes = [
        await running.start(name, admin__token_file=str(tmp_path / "token")) for name in ("pune", "delhi")
    ]
    await until(lambda: all(len(one.gossip.view().alive) == 2 for one in nodes))
    return nodes


async def ordered(
    http: aiohttp.ClientSession, node: Node, path: str, headers: dict[str, str]
) -> tuple[int, str]:
    async with http.request("PURGE", node.member.public + path, headers=headers) as answer:
        return answer.status, await answer.text()


async def fill(http: aiohttp.ClientSession, nodes: list[Node]) -> None:
    for node in nodes:
        async with http.get(node.member.public + SEGMENT) as answer:
            assert answer.status == 200


@pytest.mark.parametrize("path", [SEGMENT, SEGMENT.rpartition("/")[0] + "/*"])
async def test_purge_acts_on_every_node(pair: list[Node], http: aiohttp.ClientSession, path: str) -> None:
    await fill(http, pair)
    pune, delhi = pair
    status, told = await ordered(http, pune, path, BEARER)
    assert status == 200
    assert '"body":"hard"' in told
    await until(lambda: pune.cache.stored_objects == delhi.cache.stored_objects == 0)


async def test_a_soft_purge_leaves_what_can_be_served_stale(
    pair: list[Node], http: aiohttp.ClientSession
) -> None:
    await fill(http, pair)
    assert (await ordered(http, pair[0], SEGMENT, BEARER | {"Fastly-Soft-Purge": "1"}))[0] == 200
    await until(lambda: all(one.cache.counters.purged_objects == 1 for one in pair))
    assert [one.cache.stored_objects for one in pair] == [1, 1]


async def test_nobody_purges_without_the_token(pair: list[Node], http: aiohttp.ClientSession) -> None:
    await fill(http, pair)
    for headers in ({}, {"Authorization": "Bearer a guess"}, {"Authorization": TOKEN.upper()}):
        assert (await ordered(http, pair[0], SEGMENT, headers))[0] == 401
    assert [one.cache.stored_objects for one in pair] == [1, 1]


async def test_purge_is_off_where_there_is_no_token(running: Running, http: aiohttp.ClientSession) -> None:
    node = await running.start("pune")
    status, text = await ordered(http, node, SEGMENT, {"Authorization": "Bearer "})
    assert (status, text) == (403, "PURGE is off: it wants a token, and this node has no admin.token_file\n")


async def test_purge_wants_a_role_and_is_written_down(
    running: Running, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    (tmp_path / "tokens").write_text("read eye a-reader-s-long-token\npurge ci a-purger-s-long-token\n")
    node = await running.start("pune", admin__tokens_file=str(tmp_path / "tokens"))
    status, text = await ordered(http, node, SEGMENT, {"Authorization": "Bearer a-reader-s-long-token"})
    assert (status, text) == (403, "wants role purge, and eye has role read\n")
    assert (await ordered(http, node, SEGMENT, {"Authorization": "Bearer a-purger-s-long-token"}))[0] == 200
    told = node._admin.warden.audit.entries()
    assert [(one["who"], one["method"], one["path"], one["status"]) for one in told] == [
        ("eye", "PURGE", SEGMENT, 403),
        ("ci", "PURGE", SEGMENT, 200),
    ]


async def test_a_storm_of_purges_is_bounded_where_it_enters_and_known_by_its_origin(
    running: Running, http: aiohttp.ClientSession
) -> None:
    storm, limits = 200, {"admin__writes_per_s": "0.1", "admin__writes_burst": "20"}
    pune, delhi = [await running.start(name, **limits) for name in ("pune", "delhi")]
    await until(lambda: all(len(one.gossip.view().alive) == 2 for one in (pune, delhi)))
    statuses: Counter[int] = Counter()
    for number in range(storm):
        async with http.post(f"{pune.member.admin}/v1/purge", json={"url": f"/{number}"}) as answer:
            statuses[answer.status] += 1
    assert statuses[202] + statuses[429] == storm
    assert 20 <= statuses[202] <= 22
    await until(lambda: delhi.events.origins["pune"] == statuses[202])
    async with http.get(f"{delhi.member.admin}/metrics") as answer:
        told = await answer.text()
    assert f'edge_events_acted_total{{accepted_by="pune"}} {statuses[202]:.1f}' in told
    assert 'edge_events_acted_total{accepted_by="delhi"}' not in told


async def test_purge_is_off_where_orders_want_a_certificate(
    running: Running, http: aiohttp.ClientSession, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.sign("pune", "127.0.0.1")
    (tmp_path / "token").write_text(TOKEN)
    files = {"token_file": tmp_path / "token", "tls_cert_file": cert, "tls_key_file": key}
    files["tls_client_ca_file"] = authority.ca_file
    node = await running.start("pune", **{f"admin__{name}": str(path) for name, path in files.items()})
    status, text = await ordered(http, node, SEGMENT, BEARER)
    assert (status, text[:12]) == (403, "PURGE is off")


async def test_who_purges_learns_how_long_each_node_took(pair: list[Node]) -> None:
    pune, _ = pair
    pune.events.purge({"url": SEGMENT})
    await until(lambda: pune.events.all()[0]["missing"] == [])
    [told] = pune.events.all()
    assert told["reached"] == ["delhi", "pune"]
    assert set(told["acted_ms"]) == {"delhi", "pune"}
    assert all(0 <= ms < 2000 for ms in told["acted_ms"].values())


def test_a_purge_in_words() -> None:
    names = [f"mumbai-{n}" for n in range(14)]
    told = {
        "kind": "purge",
        "key": "url:/a",
        "members": 14,
        "reached": names[:2],
        "missing": names[2:],
        "acted_ms": {"mumbai-0": 1, "mumbai-1": 25},
    }
    assert told_in_words(told) == [
        "purge url:/a: 2 of 14 members have acted on it",
        "known here of half of them after 1 ms, of the last, mumbai-1, after 25 ms",
        "not yet: mumbai-2, mumbai-3, mumbai-4, mumbai-5, mumbai-6, mumbai-7, mumbai-8, mumbai-9, mumbai-10, mumbai-11 "
        "and 2 more; they act on it as soon as they hear of it",
    ]
