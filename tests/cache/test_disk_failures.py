"""A disk that fails, or is slow, costs no request: it is counted, left alone for a while, and tried again."""

import asyncio
import errno

import pytest

from cache.disk_world import DiskWorld, Gate, forget, tier, written
from cache.pretend_origin import SEGMENT, Clock, ask
from edge.cache.cache import EdgeCache
from edge.cache.disk import reader
from edge.cache.disk import tier as module
from edge.cache.objects import CachedObject, Lifetime

HOUR = {"Cache-Control": "max-age=3600"}
OTHER = "/live/v240/8.m4s"
PAUSE_S = 10.5


def failing(number: int) -> object:
    def fail(*_: object, **__: object) -> None:
        raise OSError(number, "of a test")

    return fail


async def on_disk_only(world: DiskWorld, **limits: float | str) -> EdgeCache:
    for path in (SEGMENT, OTHER):
        world.origin.serve(path, b"old", HOUR)
    cache = await world.start(**limits)
    for path in (SEGMENT, OTHER):
        await ask(cache, path)
    await written(cache)
    for path in (SEGMENT, OTHER):
        world.origin.serve(path, b"new", HOUR)
        forget(cache, path)
    return cache


async def test_after_a_failed_write_nothing_is_written_for_a_while(
    world: DiskWorld, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world.origin.serve(SEGMENT, b"media", HOUR)
    world.origin.serve(OTHER, b"media", HOUR)
    cache = await world.start()
    with monkeypatch.context() as patch:
        patch.setattr(tier(cache)._files, "write", failing(errno.EIO))
        assert (await ask(cache)).body == b"media"
        await written(cache)
    assert (await ask(cache, OTHER)).body == b"media"
    assert (cache.counters.disk_errors, cache.counters.disk_skipped) == ({"io": 1}, {"paused": 1})
    assert [(await ask(cache, path)).body for path in (SEGMENT, OTHER)] == [b"media"] * 2
    assert cache.tiers[1].objects == 0
    assert caplog.text.count("the disk cannot be written (of a test)") == 1
    clock.now += PAUSE_S
    world.origin.serve("/live/v240/9.m4s", b"media", HOUR)
    await ask(cache, "/live/v240/9.m4s")
    await written(cache)
    assert (cache.tiers[1].objects, len(world.files())) == (1, 1)


async def test_a_disk_that_is_too_slow_for_the_fills_is_passed_over(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = await world.start(disk_backlog_bytes=10_000)
    gate = Gate(monkeypatch, tier(cache)._files, "write")
    for number in range(10):
        world.origin.serve(f"/{number}.m4s", bytes(4_000), HOUR)
        assert (await ask(cache, f"/{number}.m4s")).status == 200
    assert cache.counters.disk_skipped == {"backlog": 7}
    gate.open()
    await written(cache)
    assert len(world.files()) == cache.tiers[1].objects == 3
    assert tier(cache)._writer.waiting_bytes == tier(cache)._writer.waiting_objects == 0


async def test_a_disk_that_answers_too_late_is_left_alone_for_a_while(
    world: DiskWorld, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = await on_disk_only(world, disk_timeout_s=0.02)
    gate = Gate(monkeypatch, tier(cache)._files, "load")
    assert (await ask(cache)).body == b"new"  # from the origin
    assert (await ask(cache, OTHER)).body == b"new"
    assert (gate.calls, cache.counters.disk_errors) == (1, {"timeout": 1})
    gate.open()
    forget(cache)
    await written(cache)
    clock.now += PAUSE_S
    assert (await ask(cache)).headers["Cache-Status"].startswith('"pune"; hit')
    assert gate.calls == 2


async def test_when_too_much_waits_to_be_read_the_origin_is_asked(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "READS_MAX", 1)
    cache = await on_disk_only(world)
    gate = Gate(monkeypatch, tier(cache)._files, "load")
    first = asyncio.create_task(ask(cache))
    await gate.reached()
    assert (await ask(cache, OTHER)).body == b"new"
    assert cache.counters.disk_errors == {"busy": 1}
    gate.open()
    assert (await first).body == b"old"


@pytest.mark.parametrize(("number", "stays"), [(errno.EIO, False), (errno.EMFILE, True)])
async def test_a_failed_read_drops_the_object_unless_it_is_our_own_lack(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch, number: int, stays: bool
) -> None:
    cache = await on_disk_only(world)
    await world.origin.stop()
    with monkeypatch.context() as patch:
        patch.setattr(tier(cache)._files, "load", failing(number))
        assert (await ask(cache)).status == 502
    assert cache.counters.disk_errors["io"] == (2 if stays else 1)  # asked again when the origin had failed
    await written(cache)
    assert len(world.files()) == (2 if stays else 1)


async def test_what_does_not_fit_stays_in_memory(world: DiskWorld) -> None:
    cache = await world.start(disk_max_bytes=8192)
    world.origin.serve(SEGMENT, bytes(10_000), HOUR)
    await ask(cache)
    odd = CachedObject(OTHER, 200, {"X": "\udcff"}, b"", "", "", 0.0, 0.0, Lifetime(3600.0))
    assert cache._store.put(odd)
    assert cache.counters.disk_skipped == {"too_large": 1, "unwritable": 1}
    assert cache.stored_objects == 2
    await written(cache)
    assert not world.files()


async def test_a_disk_that_hangs_does_not_hold_up_the_end(
    world: DiskWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CLOSE_S", 0.05)
    world.origin.serve(SEGMENT, b"media", HOUR)
    cache = await world.start()
    gate = Gate(monkeypatch, tier(cache)._files, "write")
    await ask(cache)
    await gate.reached()
    async with asyncio.timeout(5):
        await world.stop()
    gate.open()


async def test_what_waits_to_be_written_is_written_at_the_end(world: DiskWorld) -> None:
    cache = await world.start()
    for number in range(20):
        world.origin.serve(f"/{number}.m4s", b"media", HOUR)
        await ask(cache, f"/{number}.m4s")
    await world.stop()
    assert len(world.files()) == 20
    assert not list((world.folder / "tmp").iterdir())
