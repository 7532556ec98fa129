"""Plays on a volume of 2 MiB that is really full; run as a program in a mount namespace of its own.

python full_disk.py FOLDER: mounts a tmpfs for each play below FOLDER and prints its name once it has gone as promised.
"""

import asyncio
import subprocess
import sys
from pathlib import Path

from cache.disk_world import DiskWorld, disk_world, recorded, written
from cache.pretend_origin import Clock, PretendOrigin, ask, body_of
from edge.cache.cache import EdgeCache
from edge.cache.purge import Purge

HOUR = {"Cache-Control": "max-age=3600, stale-if-error=600", "Surrogate-Key": "all"}
PAUSE_S = 10.5


def segment(number: int) -> str:
    return f"/live/v240/{number}.m4s"


async def fetch(world: DiskWorld, cache: EdgeCache, numbers: range) -> None:
    for number in numbers:
        body = bytes([number]) * 100_000
        world.origin.serve(segment(number), body, HOUR)
        answer = await ask(cache, segment(number))
        assert (answer.status, body_of(answer)) == (200, body)


def fill_up(folder: Path) -> None:
    """Leave not a byte free."""
    with (folder / "ballast").open("ab", buffering=0) as ballast:
        for size in (65_536, 4096):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                continue


async def no_request_fails(world: DiskWorld) -> None:
    """60 objects of 100 KB are asked for where 20 find room; then the tier goes on with what fits."""
    cache = await world.start(disk_max_bytes=10 << 20)
    await fetch(world, cache, range(60))
    await written(cache)
    assert cache.counters.disk_errors["full"] >= 1, cache.counters
    assert cache.tiers[1].bytes_max < 2 << 20
    files, objects = len(world.files()), cache.tiers[1].objects
    assert 15 < files == objects < 20, (files, objects, cache.counters)
    before = cache.counters.disk_written
    for first in range(60, 100, 2):
        world.clock.now += PAUSE_S
        await fetch(world, cache, range(first, first + 2))
        await written(cache)
    assert cache.counters.disk_written > before + 20, cache.counters
    assert not list((world.folder / "tmp").iterdir())
    cache = await world.restart(disk_max_bytes=10 << 20)
    assert cache.tiers[1].objects > 5
    await fetch(world, cache, range(100))
    assert cache.counters.disk_hits > 5
    assert "damaged" not in cache.counters.disk_errors


async def purges_hold(world: DiskWorld) -> None:
    """Neither a hard nor a soft purge needs room."""
    for order, stale in ((Purge("tag", "all", soft=True), True), (Purge("tag", "all"), False)):
        cache = await world.start()
        await fetch(world, cache, range(5))
        await written(cache)
        fill_up(world.folder)
        assert cache.purge(order) == 5
        await recorded(cache)
        await world.kill()
        cache = await world.start()
        await world.origin.stop()
        answers = [await ask(cache, segment(number)) for number in range(5)]
        found = [one for one in answers if one.status == 200]
        assert all("fwd=stale" in one.headers["Cache-Status"] for one in found)
        assert bool(found) == stale
        await world.origin.start()
        await world.stop()
        (world.folder / "ballast").unlink()


async def it_starts_without_room(world: DiskWorld) -> None:
    """Nothing is there to make room by: memory alone serves, and nothing is trusted later."""
    await world.start()
    await world.stop()
    (world.folder / "journal").write_bytes(b"")
    fill_up(world.folder)
    cache = await world.start()
    assert [one.name for one in cache.tiers] == ["memory"]
    assert cache.counters.disk_errors == {"full": 1}
    await fetch(world, cache, range(5))
    await fetch(world, cache, range(5))
    assert cache.counters.hits == 5
    assert cache.purge(Purge("tag", "all")) == 5
    assert cache.recorded
    assert not (world.folder / "journal").exists()


async def perform(folder: Path) -> None:
    for play in (no_request_fails, purges_hold, it_starts_without_room):
        volume = folder / play.__name__
        volume.mkdir()
        mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", str(volume)]
        subprocess.run(mount, check=True)  # noqa: ASYNC221  # nothing else runs yet
        origin = PretendOrigin()
        await origin.start()
        try:
            async with disk_world(origin, Clock(), volume) as world:
                await play(world)
        finally:
            await origin.stop()
        sys.stdout.write(f"{play.__name__}\n")


if __name__ == "__main__":
    asyncio.run(perform(Path(sys.argv[1])))
