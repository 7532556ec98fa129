"""The tier on disk as a viewer meets it: what memory has lost and what a restart finds again."""

import asyncio
import os
import random

import pytest

from cache.disk_world import DiskWorld, Gate, disk_world, forget, tier, written
from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, Clock, PretendOrigin, ask, body_of
from edge.cache.disk import scan
from edge.model import ConfigError

HOUR = {"Cache-Control": "max-age=3600", "ETag": '"a"', "Content-Type": "video/mp4"}


def segment(number: int) -> str:
    return f"/live/v240/{number}.m4s"


async def test_a_restart_finds_the_objects(world: DiskWorld, clock: Clock) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    await ask(await world.start())
    clock.now += 10
    cache = await world.restart()
    hit = await ask(cache)
    assert (hit.status, hit.body) == (200, b"media")
    assert hit.headers["Cache-Status"] == '"pune"; hit; ttl=3590'
    assert (hit.headers["Age"], hit.headers["ETag"], hit.headers["Content-Type"]) == (
        "10",
        '"a"',
        "video/mp4",
    )
    assert (await ask(cache)).status == 200  # now from memory
    counters = cache.counters
    assert (counters.hits, counters.disk_hits, counters.disk_restored, counters.misses) == (2, 1, 1, 0)
    assert world.origin.counts[SEGMENT] == 1


async def test_a_kill_loses_nothing_that_was_written(world: DiskWorld) -> None:
    cache = await world.start()
    for number in range(20):
        world.origin.serve(segment(number), b"media", HOUR)
        await ask(cache, segment(number))
    await written(cache)
    await world.kill()
    cache = await world.start()
    assert {(await ask(cache, segment(number))).status for number in range(20)} == {200}
    assert cache.counters.disk_hits == 20


async def test_what_memory_evicts_comes_back_from_disk(world: DiskWorld) -> None:
    cache = await world.start(memory_bytes=20_000)
    for number in range(10):
        world.origin.serve(segment(number), bytes([number]) * 5_000, HOUR)
        await ask(cache, segment(number))
    assert cache.stored_objects < 10
    await written(cache)
    for number in range(10):
        assert body_of(await ask(cache, segment(number))) == bytes([number]) * 5_000
    assert world.origin.counts.total() == 10
    memory, disk = cache.tiers
    assert (memory.name, memory.objects < 10, memory.size_bytes <= 20_000) == ("memory", True, True)
    assert (disk.name, disk.objects, disk.size_bytes, disk.evictions) == ("disk", 10, 10 * 8192, 0)


async def test_what_is_evicted_before_it_is_written_is_still_there(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    cache = await world.start()
    gate = Gate(monkeypatch, tier(cache)._files, "write")
    await ask(cache)
    await gate.reached()
    forget(cache)
    assert (await ask(cache)).headers["Cache-Status"].startswith('"pune"; hit')
    assert cache.stored_objects == 1
    gate.open()
    await written(cache)
    assert cache.counters.disk_written == 1


async def test_all_who_wait_share_one_read(world: DiskWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    cache = await world.start()
    await ask(cache)
    await written(cache)
    forget(cache)
    gate = Gate(monkeypatch, tier(cache)._files, "load")
    viewers = [asyncio.create_task(ask(cache)) for _ in range(100)]
    await gate.reached()
    gate.open()
    assert {(await one).body for one in viewers} == {b"media"}
    assert (gate.calls, cache.counters.disk_hits, world.origin.counts[SEGMENT]) == (1, 100, 1)


@pytest.mark.parametrize(
    ("path", "status", "control"),
    [
        (PLAYLIST, 200, "max-age=60"),
        (SEGMENT, 404, ""),
        (SEGMENT, 200, "max-age=9"),
        (SEGMENT, 200, "no-store"),
    ],
)
async def test_what_is_over_soon_is_not_written(
    world: DiskWorld, path: str, status: int, control: str
) -> None:
    cache = await world.start()
    world.origin.serve(path, MEDIA_PLAYLIST, {"Cache-Control": control} if control else {}, status)
    assert (await ask(cache, path)).status == status
    await written(cache)
    assert not world.files()


async def test_a_newer_answer_that_is_not_written_removes_the_older(world: DiskWorld, clock: Clock) -> None:
    cache = await world.start()
    world.origin.serve(SEGMENT, b"old", {"Cache-Control": "max-age=60"})
    await ask(cache)
    clock.now += 61
    world.origin.serve(SEGMENT, b"new", {"Cache-Control": "max-age=5"})
    assert (await ask(cache)).body == b"new"
    await written(cache)
    assert not world.files()


async def test_a_stale_object_of_an_earlier_process_is_revalidated(world: DiskWorld, clock: Clock) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    await ask(await world.start())
    clock.now += 3601
    cache = await world.restart()
    renewed = await ask(cache)
    assert (renewed.body, renewed.headers["Cache-Status"]) == (
        b"media",
        '"pune"; fwd=stale; fwd-status=304; stored',
    )
    cache = await world.restart()
    assert (await ask(cache)).headers["Cache-Status"] == '"pune"; hit; ttl=3600'
    assert len(world.files()) == 1


async def test_with_the_origin_down_what_is_on_disk_is_served_stale(world: DiskWorld, clock: Clock) -> None:
    world.origin.serve(SEGMENT, b"media", {"Cache-Control": "max-age=60, stale-if-error=90"})
    await ask(await world.start())
    clock.now += 100
    cache = await world.restart()
    await world.origin.stop()
    assert (await ask(cache)).headers["Cache-Status"] == '"pune"; fwd=stale; detail=connect'


async def test_a_wall_clock_that_went_back_makes_nothing_younger_than_new(
    world: DiskWorld, clock: Clock
) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    await ask(await world.start())
    clock.wall_ahead -= 7200
    hit = await ask(await world.restart())
    assert (hit.headers["Cache-Status"], hit.headers["Age"]) == ('"pune"; hit; ttl=3600', "0")


@pytest.mark.parametrize(("bytes_max", "objects_max"), [(100_000, 1_000), (10_000_000, 20)])
async def test_the_bounds_hold_on_disk(world: DiskWorld, bytes_max: int, objects_max: int) -> None:
    cache = await world.start(disk_max_bytes=bytes_max, disk_objects_max=objects_max, memory_bytes=20_000)
    rng = random.Random(7)
    for number in range(100):
        world.origin.serve(segment(number), bytes(rng.randrange(20_000)), HOUR)
        await ask(cache, segment(number))
        if number % 10 == 0:
            await written(cache)
            taken = sum(512 * path.stat().st_blocks for path in world.files())
            assert taken <= bytes_max
            assert len(world.files()) <= objects_max
    await written(cache)
    disk = cache.tiers[1]
    assert (disk.objects, disk.evictions) == (len(world.files()), 100 - disk.objects)
    cache = await world.restart(disk_max_bytes=50_000, disk_objects_max=10)
    await written(cache)
    assert sum(512 * path.stat().st_blocks for path in world.files()) <= 50_000
    assert len(world.files()) == cache.tiers[1].objects <= 10
    assert (
        (await ask(cache, segment(99))).headers["Cache-Status"].startswith('"pune"; hit')
    )  # the newest stay


async def test_what_is_popular_in_memory_stays_on_disk(world: DiskWorld) -> None:
    cache = await world.start(disk_objects_max=20)
    world.origin.serve(SEGMENT, b"media", HOUR)
    for _ in range(4):
        await ask(cache)
    for number in range(100, 160):
        world.origin.serve(segment(number), b"media", HOUR)
        await ask(cache, segment(number))
    cache = await world.restart()
    assert (await ask(cache)).headers["Cache-Status"].startswith('"pune"; hit')


async def test_of_two_files_of_one_object_the_newer_counts(world: DiskWorld, clock: Clock) -> None:
    world.origin.serve(SEGMENT, b"old", {"Cache-Control": "max-age=60"})
    cache = await world.start()
    await ask(cache)
    await written(cache)
    (older,) = world.files()
    kept = older.read_bytes()
    clock.now += 61
    world.origin.serve(SEGMENT, b"new", HOUR)
    await ask(cache)
    await world.stop()
    older.write_bytes(kept)  # as if the kill had come between the two
    cache = await world.start()
    assert (await ask(cache)).body == b"new"
    await written(cache)
    assert len(world.files()) == 1


async def test_a_scan_that_takes_long_goes_on_beside(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.origin.serve(SEGMENT, b"old", HOUR)
    await ask(await world.start())
    await world.stop()
    gate = Gate(monkeypatch, scan, "_heads")
    cache = await world.start(disk_start_s=0.01)
    assert cache.tiers[1].objects == 0
    world.origin.serve(SEGMENT, b"new", HOUR)
    assert (await ask(cache)).body == b"new"
    gate.open()
    await tier(cache)._scanned.wait()
    await written(cache)
    forget(cache)
    assert (await ask(cache)).body == b"new"
    assert (cache.tiers[1].objects, len(world.files())) == (1, 1)


async def test_an_older_file_that_the_scan_has_not_come_to_is_dropped_too(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.origin.serve(SEGMENT, b"old", HOUR)
    await ask(await world.start())
    await world.stop()
    gate = Gate(monkeypatch, scan, "_heads")
    cache = await world.start(disk_start_s=0.01)
    world.origin.serve(SEGMENT, b"new", {"Cache-Control": "max-age=5"})
    assert (await ask(cache)).body == b"new"
    gate.open()
    await tier(cache)._scanned.wait()
    forget(cache)
    assert (await ask(cache)).body == b"new"


async def damage(world: DiskWorld, how: str) -> None:
    (path,) = world.files()
    whole = path.read_bytes()
    match how:
        case "shorter":
            os.truncate(path, len(whole) - 1)
        case "empty":
            os.truncate(path, 0)
        case "zeros":  # after a power cut
            path.write_bytes(bytes(len(whole)))
        case "body":
            path.write_bytes(whole[:-3] + b"xyz")
        case "gone":
            path.unlink()


@pytest.mark.parametrize("how", ["shorter", "empty", "zeros", "body", "gone"])
@pytest.mark.parametrize("while_running", [True, False])
async def test_a_damaged_file_is_dropped_and_counted(world: DiskWorld, how: str, while_running: bool) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    cache = await world.start()
    await ask(cache)
    await written(cache)
    if while_running:
        forget(cache)
        await damage(world, how)
    else:
        await world.stop()
        await damage(world, how)
        cache = await world.start()
    world.origin.serve(SEGMENT, b"anew", HOUR)
    assert (await ask(cache)).body == b"anew"
    assert cache.counters.disk_errors == ({} if how == "gone" and not while_running else {"damaged": 1})
    await written(cache)
    forget(cache)
    assert (await ask(cache)).body == b"anew"
    assert len(world.files()) == 1


async def test_foreign_files_are_counted_and_left_alone(world: DiskWorld) -> None:
    await world.start()
    await world.stop()
    junk = world.folder / "objects" / "07" / "README"
    junk.parent.mkdir()
    junk.write_text("not yours")
    (world.folder / "notes").mkdir()
    cache = await world.start()
    assert (cache.counters.disk_junk, cache.tiers[1].objects) == (1, 0)
    assert junk.read_text() == "not yours"


async def test_a_folder_has_one_process(world: DiskWorld, origin: PretendOrigin, clock: Clock) -> None:
    await world.start()
    async with disk_world(origin, clock, world.folder) as other:
        with pytest.raises(ConfigError, match=r"cache\.disk_path: .* is used by another process; give each"):
            await other.start()
        await world.stop()
        await other.start()


async def test_a_folder_that_cannot_be_used_is_the_users_mistake(world: DiskWorld) -> None:
    world.folder.write_text("a file")
    with pytest.raises(ConfigError, match=r"cache\.disk_path: .* cannot be used: .*; name a folder"):
        await world.start()


@pytest.mark.parametrize("how", ["missing", "damaged", "old"])
async def test_a_disk_whose_purges_are_not_known_is_emptied(world: DiskWorld, clock: Clock, how: str) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    await ask(await world.start())
    await world.stop()
    journal = world.folder / "journal"
    if how == "missing":
        journal.unlink()
    elif how == "damaged":
        journal.write_bytes(b"?" + journal.read_bytes()[1:])
    else:
        os.utime(journal, (clock.wall() - 82_900,) * 2)
    cache = await world.start()
    assert cache.tiers[1].objects == 0
    assert (await ask(cache)).headers["Cache-Status"].startswith('"pune"; fwd=uri-miss')
    cache = await world.restart()  # what came after stays
    assert (await ask(cache)).headers["Cache-Status"].startswith('"pune"; hit')
    assert len(world.files()) == 1
