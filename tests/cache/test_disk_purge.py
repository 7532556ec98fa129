"""A purge covers both tiers from its first moment on, and neither a restart nor a kill -9 undoes it."""

import asyncio
from dataclasses import replace

import pytest

from cache.disk_world import DiskWorld, Gate, forget, recorded, tier, written
from cache.pretend_origin import SEGMENT, Clock, ask, body_of
from edge.cache.cache import EdgeCache
from edge.cache.disk import recorder, scan
from edge.cache.disk.body import FileSpan
from edge.cache.disk.journal import Journal, read
from edge.cache.objects import CachedObject
from edge.cache.purge import Purge

TAGGED = {"Cache-Control": "max-age=3600, stale-if-error=600", "ETag": '"a"', "Surrogate-Key": "event-7"}
KINDS = [Purge("url", SEGMENT), Purge("prefix", "/live/"), Purge("tag", "event-7")]
SOFT = [Purge(one.what, one.value, soft=True) for one in KINDS]
MISS = '"pune"; fwd=uri-miss; fwd-status=200; stored'


async def cached(world: DiskWorld, body: bytes = b"old", **limits: float | str) -> EdgeCache:
    """A cache that has the segment in memory and on disk."""
    world.origin.serve(SEGMENT, body, TAGGED)
    cache = await world.start(**limits)
    await ask(cache)
    await written(cache)
    world.origin.serve(SEGMENT, b"new", {**TAGGED, "ETag": '"b"'})
    return cache


async def status(cache: EdgeCache) -> str:
    return (await ask(cache)).headers["Cache-Status"]


@pytest.mark.parametrize("purge", KINDS)
@pytest.mark.parametrize("in_memory", [True, False])
async def test_a_hard_purge_covers_both_tiers(world: DiskWorld, purge: Purge, in_memory: bool) -> None:
    cache = await cached(world)
    if not in_memory:
        forget(cache)
    assert cache.purge(purge) == 1  # one object, wherever it is
    assert await status(cache) == MISS
    await written(cache)
    assert len(world.files()) == 1  # the new one
    assert cache.purge(Purge("url", "/other")) == 0


@pytest.mark.parametrize("purge", SOFT)
@pytest.mark.parametrize("then", ["memory", "disk", "restart"])
async def test_a_soft_purge_leaves_it_stale_wherever_it_is(
    world: DiskWorld, clock: Clock, purge: Purge, then: str
) -> None:
    cache = await cached(world)
    assert cache.purge(purge) == 1
    if then == "disk":
        forget(cache)
    elif then == "restart":
        cache = await world.restart()
    await world.origin.stop()
    answer = await ask(cache)
    assert (answer.body, answer.headers["Cache-Status"]) == (b"old", '"pune"; fwd=stale; detail=connect')
    await world.origin.start()
    clock.now += 1  # the failure is forgotten
    assert await status(cache) == '"pune"; fwd=stale; fwd-status=200; stored'


@pytest.mark.parametrize("purge", KINDS + SOFT)
async def test_a_kill_before_any_file_was_touched_does_not_undo_a_recorded_purge(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch, purge: Purge
) -> None:
    cache = await cached(world)
    for name in ("remove", "mark"):
        monkeypatch.setattr(tier(cache)._files, name, lambda *_: None)  # as if the kill came before
    cache.purge(purge)
    assert not cache.recorded
    await recorded(cache)
    await world.kill()
    assert len(world.files()) == 1
    cache = await world.start()
    expected = '"pune"; fwd=stale; fwd-status=200; stored' if purge.soft else MISS
    assert await status(cache) == expected
    await written(cache)
    assert len(world.files()) == 1
    assert (await ask(cache)).body == b"new"
    cache = await world.restart()  # what came after the purge stays
    assert (await ask(cache)).body == b"new"
    assert cache.counters.disk_hits == 1


@pytest.mark.parametrize("purge", KINDS)
async def test_a_purge_while_the_object_is_written(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch, purge: Purge
) -> None:
    world.origin.serve(SEGMENT, b"old", TAGGED)
    cache = await world.start()
    gate = Gate(monkeypatch, tier(cache)._files, "write")
    await ask(cache)
    await gate.reached()
    assert cache.purge(purge) == 1
    await recorded(cache)
    world.origin.serve(SEGMENT, b"new", TAGGED)
    gate.open()
    await world.kill()
    assert len(world.files()) == 1  # the old one, written after the purge, never removed
    cache = await world.start()
    assert await status(cache) == MISS


async def test_a_purge_while_the_object_is_written_removes_the_file_after(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.origin.serve(SEGMENT, b"old", TAGGED)
    cache = await world.start()
    gate = Gate(monkeypatch, tier(cache)._files, "write")
    await ask(cache)
    await gate.reached()
    cache.purge(KINDS[0])
    gate.open()
    await written(cache)
    assert not world.files()


@pytest.mark.parametrize("purge", KINDS + SOFT)
async def test_a_purge_while_the_object_is_read(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch, purge: Purge
) -> None:
    cache = await cached(world)
    forget(cache)
    gate = Gate(monkeypatch, tier(cache)._files, "load")
    viewer = asyncio.create_task(ask(cache))
    await gate.reached()
    assert cache.purge(purge) == 1
    gate.open()
    assert (await viewer).body == b"new"
    assert (await ask(cache)).body == b"new"


@pytest.mark.parametrize("purge", KINDS + SOFT)
async def test_a_purge_between_the_end_of_a_read_and_the_viewers_turn(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch, purge: Purge
) -> None:
    cache = await cached(world)
    forget(cache)
    around = tier(cache)._reader._around

    def promote(found: CachedObject) -> None:
        around.promote(found)
        asyncio.get_running_loop().call_soon(cache.purge, purge)  # before those who wait are woken

    monkeypatch.setattr(tier(cache)._reader, "_around", replace(around, promote=promote))
    assert (await ask(cache)).body == b"new"


@pytest.mark.parametrize("purge", KINDS + SOFT)
async def test_a_purge_of_a_streamed_object_whose_file_is_open(world: DiskWorld, purge: Purge) -> None:
    cache = await cached(world, b"old" * 1000, disk_stream_bytes=1000)
    forget(cache)
    before = await ask(cache)
    assert isinstance(before.body, FileSpan)
    assert cache.purge(purge) == 1
    assert body_of(await ask(cache)) == b"new"
    await written(cache)
    assert await before.body.whole() == b"old" * 1000  # he asked before


@pytest.mark.parametrize("purge", KINDS + SOFT)
async def test_a_purge_while_the_scan_is_still_under_way(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch, purge: Purge
) -> None:
    await cached(world)
    await world.stop()
    gate = Gate(monkeypatch, scan, "_heads")
    cache = await world.start(disk_start_s=0.01)
    assert cache.purge(purge) == 0  # it cannot be counted yet
    gate.open()
    await tier(cache)._scanned.wait()
    expected = '"pune"; fwd=stale; fwd-status=200; stored' if purge.soft else MISS
    assert await status(cache) == expected


async def test_an_event_that_is_told_again_after_a_restart_is_not_done_again(world: DiskWorld) -> None:
    cache = await cached(world)
    assert cache.purge(KINDS[0], "pune 5") == 1
    assert (await ask(cache)).body == b"new"
    cache = await world.restart()
    assert cache.purge(KINDS[0], "pune 5") == 0
    assert (await status(cache)).startswith('"pune"; hit')
    assert cache.purge(KINDS[0], "pune 6") == 1
    assert await status(cache) == MISS


async def test_purges_are_numbered_on_from_start_to_start(world: DiskWorld) -> None:
    cache = await cached(world)
    numbers = []
    for _ in range(3):
        cache.purge(Purge("tag", "other"))
        numbers.append(tier(cache).recorder.number)
        await world.kill()  # perhaps before it was recorded
        cache = await world.start()
    assert numbers == sorted(set(numbers))
    assert (await status(cache)).startswith('"pune"; hit')


def refuse(*_: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("purge", [KINDS[2], SOFT[2]])
async def test_where_the_journal_cannot_be_written_the_work_itself_is_waited_for(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, purge: Purge
) -> None:
    cache = await cached(world)
    monkeypatch.setattr(Journal, "append", refuse)
    cache.purge(purge)
    await recorded(cache)
    assert cache.counters.disk_errors == {"full": 1}
    assert "purges cannot be recorded" in caplog.text
    await world.kill()
    cache = await world.start()
    assert await status(cache) == ('"pune"; fwd=stale; fwd-status=200; stored' if purge.soft else MISS)


async def test_a_purge_of_which_nothing_can_be_kept_is_not_told_to_be_recorded(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = await cached(world)
    with monkeypatch.context() as patch:
        patch.setattr(recorder, "RETRY_S", 0.01)
        patch.setattr(Journal, "append", refuse)
        patch.setattr(tier(cache)._files, "remove", refuse)
        cache.purge(KINDS[0])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await recorded(cache)
        assert await status(cache) == MISS  # but it counts
    await recorded(cache)


async def test_the_journal_is_bounded_and_what_it_forgets_was_done(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RECORDS_MAX", 20)
    cache = await cached(world)
    for number in range(100):
        cache.purge(Purge("tag", f"event-{number}"), f"pune {number}")
        await recorded(cache)
    await world.stop()
    contents = read(world.folder / "journal")
    assert contents
    assert 10 <= len(contents.records) <= 20
    assert contents.records[-1].ident == "pune 99"
    cache = await world.start()
    assert await status(cache) == MISS


async def test_a_record_is_forgotten_only_once_the_files_say_the_same(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = await cached(world)
    monkeypatch.setattr(tier(cache)._files, "mark", lambda *_: None)  # as if the kill came before
    cache.purge(SOFT[2])
    await recorded(cache)
    await world.kill()
    monkeypatch.setattr(recorder, "RECORDS_MAX", 20)
    cache = await world.start()
    for number in range(40):
        cache.purge(Purge("tag", f"other-{number}"))
        await recorded(cache)
    await world.kill()
    contents = read(world.folder / "journal")
    assert contents
    assert "event-7" not in [one.value for one in contents.records]
    assert await status(await world.start()) == '"pune"; fwd=stale; fwd-status=200; stored'


async def test_where_the_older_half_is_not_done_one_purge_of_everything_stands_for_it(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "RECORDS_MAX", 20)
    cache = await cached(world)
    monkeypatch.setattr(tier(cache)._files, "remove", refuse)
    for number in range(60):
        cache.purge(Purge("tag", f"event-{number}"))
        await recorded(cache)
    await world.kill()
    contents = read(world.folder / "journal")
    assert contents
    assert len(contents.records) <= 41
    assert (contents.records[0].what, contents.records[0].value) == ("prefix", "/")
    monkeypatch.undo()
    assert await status(await world.start()) == MISS


async def test_a_purge_of_very_many_is_swept_in_turns(world: DiskWorld) -> None:
    cache = await world.start(purge_slice=3)
    for number in range(120):
        world.origin.serve(f"/{number}.m4s", b"old", TAGGED)
        await ask(cache, f"/{number}.m4s")
    await written(cache)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    neighbour = asyncio.create_task(others())
    assert cache.purge(Purge("tag", "event-7")) == 120
    world.origin.serve("/119.m4s", b"new", TAGGED)
    assert cache._store.memory.doomed > 100
    assert (await ask(cache, "/119.m4s")).body == b"new"
    assert cache._store._sweeping
    await cache._store._sweeping
    neighbour.cancel()
    assert turns > 30
    assert cache.stored_objects == 1
    await written(cache)
    assert len(world.files()) == 1
    assert cache.counters.purged_objects == 120


async def test_without_a_disk_every_purge_is_recorded_at_once(world: DiskWorld) -> None:
    world.origin.serve(SEGMENT, b"old", TAGGED)
    cache = await world.start(disk_path="")
    await ask(cache)
    assert cache.purge(KINDS[0], "pune 5") == 1
    told: list[int] = []
    cache.when_recorded(lambda: told.append(1))
    assert (cache.recorded, told) == (True, [1])
    assert [one.name for one in cache.tiers] == ["memory"]
