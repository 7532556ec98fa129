"""Prewarming on whole nodes: real sockets, an origin that counts, the admin port and the command line."""

import asyncio
import time
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import click
import orjson
import pytest
from click.testing import CliRunner

from cache.pretend_origin import PretendOrigin
from edge.app import Node
from edge.cli import main
from edge.cli.prewarm import moment
from edge.decide import popularity
from edge.shell import prewarm
from running import Running
from waiting import until

HOT = "/live/v240/7.m4s"
MAIN, RENDITION = "/live/main.m3u8", "/live/v240/playlist.m3u8"
MASTER = b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=300000\nv240/playlist.m3u8\n"
LIVE = b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXT-X-MEDIA-SEQUENCE:4\n" + b"".join(
    b"#EXTINF:2,\n%d.m4s\n" % number for number in range(4, 9)
)
LONG = {"Cache-Control": "max-age=300"}

pytestmark = pytest.mark.timeout(60)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planned several times a second."""
    monkeypatch.setattr(prewarm, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(popularity, "EVERY_S", 0.1)


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    for number in range(4, 12):
        made.serve(f"/live/v240/{number}.m4s", b"video" * 2000, LONG)
    made.serve(MAIN, MASTER, {"Cache-Control": "max-age=60"})
    made.serve(RENDITION, LIVE, {"Cache-Control": "max-age=1"})
    yield made
    await made.stop()


async def pair(running: Running, **settings: str) -> tuple[Node, Node]:
    """Two nodes of two zones of a region, which know each other."""
    settings = {"node__region": "india", **settings}
    nodes = [await running.start(name, **settings) for name in ("pune", "delhi")]
    await until(lambda: all(len(node.gossip.view().alive) == 2 for node in nodes), 10)
    return nodes[0], nodes[1]


async def watch(http: aiohttp.ClientSession, node: Node, path: str = HOT, times: int = 60) -> None:
    """A crowd asks one node: with 60 requests, 20 a second on average of the last three seconds."""
    for _ in range(times):
        async with http.get(f"{node.member.public}{path}") as answer:
            assert answer.status == 200
            await answer.read()


async def forced(node: Node, level: int, nodes: int = 2) -> None:
    """All hold a level."""
    node.monsoon.override({"level": level})
    await until(lambda: level_of(node) == level)
    await until(lambda: [one.level for one in node.gossip.view().nodes].count(level) == nodes, 5)


def level_of(node: Node) -> int:
    return node.monsoon.level


def holds_all(node: Node, *paths: str) -> bool:
    return all(node.backend.holds(path) for path in paths)


async def edge(node: Node, *arguments: str) -> str:
    """What the command line says, asked of a node."""
    done = await asyncio.to_thread(CliRunner().invoke, main, [*arguments, "--admin", node.member.admin])
    assert done.exit_code == 0, done.output
    return done.output


async def test_what_is_watched_in_one_zone_comes_to_the_other_before_anybody_asks_there(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await pair(running)
    await watch(http, pune)
    await until(lambda: delhi.backend.holds(HOT) and delhi.prewarm.counters.fetched == 1)
    assert delhi.prewarm.counters.fetched_bytes == 10_000
    assert (delhi.traffic.requests_total, delhi.traffic.top(time.monotonic())) == (0, ())
    assert origin.counts[HOT] == 2  # one for each zone
    async with http.get(f"{delhi.member.public}{HOT}") as answer:
        assert answer.headers["Cache-Status"].startswith('"delhi"; hit')
    await until(lambda: delhi.prewarm.counters.used == 1)
    assert delhi.prewarm.unused_bytes == 0


async def test_what_hardly_anybody_watches_does_not(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await pair(running)
    await watch(http, pune, times=6)
    await until(lambda: delhi.prewarm.status()["trending"])
    await asyncio.sleep(0.3)
    assert not delhi.backend.holds(HOT)
    assert origin.counts[HOT] == 1


async def test_off_means_off(running: Running, origin: PretendOrigin, http: aiohttp.ClientSession) -> None:
    pune, delhi = await pair(running, prewarm__enabled="false")
    await watch(http, pune)
    await until(lambda: delhi.prewarm.status()["trending"])
    await asyncio.sleep(0.3)
    assert origin.counts[HOT] == 1


async def test_in_degraded_service_it_comes_from_who_holds_it_and_the_origin_is_not_asked(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await pair(running)
    await forced(pune, 2)
    await watch(http, pune)
    await until(lambda: delhi.backend.holds(HOT) and delhi.cache.counters.peer_fills == 1)
    assert origin.counts[HOT] == 1
    async with http.get(f"{delhi.member.public}{HOT}") as answer:
        assert answer.headers["Cache-Status"].startswith('"delhi"; hit')


async def test_in_degraded_service_what_nobody_holds_any_more_is_left_alone(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await pair(running, prewarm__enabled="true")
    await forced(pune, 2)
    held = pune.cache._store
    await watch(http, pune, times=1)
    held.drop(HOT)
    for _ in range(60):  # as if they had been answered just before
        pune.traffic.record("viewer", HOT, 1, time.monotonic())
    await until(lambda: delhi.prewarm.counters.failed)
    assert delhi.cache.counters.fill_errors == {"not_held": 1}
    assert origin.counts[HOT] == 1
    assert not delhi.cache.recent_failure
    async with http.get(f"{delhi.member.public}{HOT}") as answer:  # a viewer gets it at once all the same
        assert answer.status == 200


async def test_a_viewer_who_comes_while_a_holder_is_asked_is_not_turned_away_with_it(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    _, delhi = await pair(running, prewarm__enabled="false")
    asked, go_on = asyncio.Event(), asyncio.Event()
    fetch_from = delhi.cache._upstream._upstream.fetch_from  # type: ignore[attr-defined]

    async def slowly(*given: object) -> object:
        asked.set()
        await go_on.wait()
        return await fetch_from(*given)

    delhi.cache._upstream._upstream.fetch_from = slowly  # type: ignore[attr-defined]
    with delhi.prewarm._parts.placed.only_from(HOT, ("pune",)):
        warming = asyncio.create_task(delhi.cache.prewarm(HOT))
        await asked.wait()
        viewer = asyncio.create_task(watch(http, delhi, times=1))
        await until(lambda: not delhi.prewarm._parts.placed._reserved)
        go_on.set()
        await viewer
        assert (await warming).found is not None
    assert origin.counts[HOT] == 1


async def test_at_level_4_nothing_is_fetched_for_nobody(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await pair(running)
    await watch(http, pune, times=1)
    await forced(pune, 4)
    await watch(http, pune)
    await until(lambda: delhi.prewarm.status()["trending"])
    await asyncio.sleep(0.3)
    assert not delhi.backend.holds(HOT)


async def test_bytes_a_second_are_bounded_and_what_waits_is_counted(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    """A budget of 16 kB at once, and 8 kB a second: of five objects of 10 kB two come at once."""
    pune, delhi = await pair(running, prewarm__kbps="64", prewarm__concurrency="1")
    await asyncio.gather(*(watch(http, pune, f"/live/v240/{number}.m4s") for number in range(4, 9)))
    await until(lambda: delhi.prewarm.counters.refused["budget"] > 0)
    assert delhi.prewarm.counters.fetched == 2


async def test_the_room_for_what_nobody_has_asked_for_is_bounded(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    """1% of 1 MiB: of five objects of 10 kB the second goes over it, and the others are left."""
    room = {"cache__memory_bytes": str(1 << 20), "prewarm__store_share": "0.01", "prewarm__concurrency": "1"}
    pune, delhi = await pair(running, **room)
    await asyncio.gather(*(watch(http, pune, f"/live/v240/{number}.m4s") for number in range(4, 9)))
    await until(lambda: delhi.prewarm.counters.refused["store"] > 0)
    assert delhi.prewarm.counters.fetched == 2
    assert delhi.prewarm.unused_bytes == 20_000


async def test_an_announced_playlist_brings_what_a_player_begins_with_on_all_nodes(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await pair(running, prewarm__enabled="false")
    told = pune.prewarm.announcements.order({"path": MAIN})
    assert (told["kind"], told["key"]) == ("schedule", f"prewarm::{MAIN}")
    for node in (pune, delhi):
        await until(partial(holds_all, node, "/live/v240/6.m4s", HOT, "/live/v240/8.m4s"))
        assert not node.backend.holds("/live/v240/5.m4s")
        assert node.prewarm.status()["announced"][0]["begun"]
    assert origin.counts[HOT] == 2  # one for each zone
    assert delhi.traffic.requests_total == 0


async def test_it_begins_when_it_was_announced_for_and_only_in_its_zone(
    running: Running, origin: PretendOrigin
) -> None:
    pune, delhi = await pair(running)
    at = time.time() + 1.0
    pune.prewarm.announcements.order({"path": HOT, "at": at, "zone": "delhi"})
    await until(lambda: delhi.prewarm.status()["announced"])
    assert not delhi.prewarm.status()["announced"][0]["begun"]
    await origin.arrivals(HOT)
    assert at <= time.time() < at + 0.5
    await until(lambda: delhi.backend.holds(HOT))
    assert origin.counts[HOT] == 1
    assert not pune.backend.holds(HOT)


async def test_what_is_withdrawn_is_not_fetched(running: Running, origin: PretendOrigin) -> None:
    pune, delhi = await pair(running)
    pune.prewarm.announcements.order({"path": HOT, "at": time.time() + 0.8})
    await until(lambda: delhi.prewarm.status()["announced"])
    pune.prewarm.announcements.order({"path": HOT, "cancel": True})
    await until(lambda: not delhi.prewarm.status()["announced"])
    await asyncio.sleep(1.0)
    assert origin.counts[HOT] == 0


async def test_while_the_origin_is_to_be_spared_what_was_announced_waits(
    running: Running, origin: PretendOrigin
) -> None:
    pune, _ = await pair(running)
    await forced(pune, 2)
    pune.prewarm.announcements.order({"path": HOT, "zone": "pune"})
    await until(lambda: pune.prewarm.status()["announced"][0]["begun"])
    await asyncio.sleep(0.3)
    assert origin.counts[HOT] == 0
    pune.monsoon.override({"level": None})
    await until(lambda: pune.backend.holds(HOT))


async def test_a_node_fetches_what_its_settings_announce(running: Running, origin: PretendOrigin) -> None:
    pune = await running.start("pune", prewarm__events=f"{HOT},/live/v240/9.m4s;at=2100-01-01T00:00:00Z")
    await until(lambda: pune.backend.holds(HOT))
    assert [one["begun"] for one in pune.prewarm.status()["announced"]] == [True, False]
    assert origin.counts["/live/v240/9.m4s"] == 0


async def test_metrics_tell_what_was_fetched(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune = await running.start("pune", prewarm__events=HOT)
    await until(lambda: pune.prewarm.counters.fetched)
    async with http.get(pune.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    for line in (
        "edge_prewarm_fetched_total 1.0",
        "edge_prewarm_fetched_bytes_total 10000.0",
        "edge_prewarm_unused_bytes 10000.0",
        'edge_prewarm_refused_total{reason="budget"} 0.0',
    ):
        assert line in lines


async def test_the_command_line_announces_shows_and_withdraws(
    running: Running, origin: PretendOrigin, http: aiohttp.ClientSession
) -> None:
    pune, delhi = await pair(running)
    told = await edge(pune, "prewarm", f"https://cdn.example{HOT}", "/live/v240/9.m4s", "--at", "+1h")
    assert told.count(", all zones: at ") == 2
    assert told.count("; 2 of 2 members have heard of it") == 2
    withdrawn = await edge(delhi, "prewarm", HOT, "--cancel")
    assert withdrawn.startswith(f"{HOT}, all zones: withdrawn; 2 of 2")
    await watch(http, pune)
    await until(lambda: delhi.prewarm.counters.fetched)
    shown = await edge(delhi, "popular")
    assert "REQUESTS/S" in shown
    [line] = [line for line in shown.splitlines() if line.startswith(HOT)]
    assert line.split()[3:5] == ["1", "yes"]
    assert f"/live/v240/9.m4s, all zones: at {time.localtime().tm_year}-" in shown
    assert "waits; by pune" in shown
    assert "delhi has fetched 1 objects before viewers asked, 0.0 MB" in shown
    found = orjson.loads(await edge(delhi, "popular", "--output", "json"))
    assert found["trending"][0]["zones"].keys() == {"pune"}


async def test_one_zone_can_be_named_and_a_slip_of_the_pen_is_told(
    running: Running, origin: PretendOrigin
) -> None:
    pune = await running.start("pune")
    assert "zone pune: at " in await edge(pune, "prewarm", HOT, "--zone", "pune")
    command = ["prewarm", HOT, "--zone", "pone", "--admin", pune.member.admin]
    done = await asyncio.to_thread(CliRunner().invoke, main, command)
    assert done.exit_code == 2
    assert "no member is in pone; did you mean pune?" in done.output


@pytest.mark.parametrize("text", ["19.30", "tomorrow", "2026-13-01T00:00", "+soon", "-5m"])
def test_a_time_that_is_none_is_told(text: str) -> None:
    done = CliRunner().invoke(main, ["prewarm", HOT, f"--at={text}", "--admin", "http://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "is no time" in done.output


@pytest.mark.parametrize(
    ("text", "seconds"), [("2026-11-21T14:00:00Z", 1795269600), ("2026-11-21T19:30:00+05:30", 1795269600)]
)
def test_times_are_read_as_they_are_written(text: str, seconds: int) -> None:
    ctx, param = click.Context(main), click.Option(["--at"])
    assert moment(ctx, param, text) == seconds
    later = moment(ctx, param, "+10m")
    assert later == pytest.approx(time.time() + 600, abs=2)
    of_day = moment(ctx, param, "23:59")
    assert of_day
    assert 0 <= of_day - time.time() + 60 <= 86_460


async def test_only_segments_take_room_for_of_others_it_is_not_known_whether_they_are_used(
    running: Running, origin: PretendOrigin
) -> None:
    pune = await running.start("pune")
    pune.prewarm.announcements.order({"path": MAIN})
    await until(lambda: pune.prewarm.counters.fetched == 5)
    assert pune.prewarm.unused_bytes == 30_000


async def test_when_the_node_ends_nothing_more_is_begun(running: Running, origin: PretendOrigin) -> None:
    origin.hold(HOT)
    pune = await running.start("pune", prewarm__events=HOT, prewarm__concurrency="1")
    await origin.arrivals(HOT)
    pune.prewarm.announcements.order({"path": "/live/v240/9.m4s"})
    await running.stop("pune")
    assert not pune.prewarm._tasks
    assert origin.counts["/live/v240/9.m4s"] == 0
