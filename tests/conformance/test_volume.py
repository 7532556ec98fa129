"""A volume that is really full: no reply suffers, the state is told and counted, and it ends when there is room."""

import asyncio
import random
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from cache.pretend_origin import PretendOrigin
from conformance.conftest import BACKENDS, begun
from conformance.subject import Subject
from needs import needs
from nginx.site import Site
from running import Running
from waiting import until

pytestmark = [needs("mount", "umount"), pytest.mark.timeout(90)]

VOLUME_MIB = 24
BODY_BYTES = 100_000
VIEWERS = 8
ROOM_WITHIN_S = 15.0  # the embedded cache lets a disk that was full alone for ten seconds


@pytest.fixture
def volume(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "volume"
    folder.mkdir()
    options = f"size={VOLUME_MIB}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "none", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture(params=BACKENDS)
async def subject(
    request: pytest.FixtureRequest,
    volume: Path,
    origin: PretendOrigin,
    running: Running,
    http: aiohttp.ClientSession,
) -> AsyncIterator[Subject]:
    """With all that it stores on the small volume, of which it knows nothing, and little memory."""

    async def anything(asked: web.Request) -> web.Response:
        return web.Response(body=body_of(asked.path), headers={"Cache-Control": "max-age=3600"})

    origin.otherwise = anything
    site = Site(volume / "shared", origin.url, http, nginx__disk_high="0.95")
    own = {"cache__disk_path": str(volume / "disk"), "cache__memory_bytes": str(1 << 20)}
    async with begun(request.param, site, running, http, **own) as made:
        yield made


def body_of(path: str) -> bytes:
    return random.Random(path).randbytes(BODY_BYTES)


def films(first: int, count: int) -> list[str]:
    return [f"/films/{number}.mp4" for number in range(first, first + count)]


async def watched(subject: Subject, paths: list[str]) -> list[str]:
    """Some viewers ask for all of it; what the cache said of each."""
    told = []
    left = list(reversed(paths))

    async def viewer() -> None:
        while left:
            path = left.pop()
            answer = await subject.get(path)
            assert (answer.status, answer.body == body_of(path)) == (200, True)
            told.append(answer.cache)

    await asyncio.gather(*(viewer() for _ in range(VIEWERS)))
    return told


def fill_up(folder: Path) -> Path:
    """Somebody else leaves not a byte free."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        for size in (65_536, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue
    return ballast


async def test_more_than_the_volume_holds_is_served_and_what_was_not_stored_is_counted(
    subject: Subject, origin: PretendOrigin
) -> None:
    paths = films(0, 3 * VOLUME_MIB * (1 << 20) // BODY_BYTES)
    await watched(subject, paths)
    await until(lambda: subject.disk_full)
    assert subject.kept_off_disk > 0
    assert subject.stored > VOLUME_MIB * (1 << 20) // BODY_BYTES // 2
    assert not subject.node.backend.trouble  # it serves: nobody is sent elsewhere
    assert origin.counts.total() == len(paths)

    subject.node.events.purge({"prefix": "/"})
    await asyncio.wait_for(subject.node.events.recorded(), 10)
    assert subject.stored == 0
    await until(lambda: not subject.disk_full, ROOM_WITHIN_S)
    fresh = films(10_000, 20)
    await watched(subject, fresh)
    await until(lambda: subject.stored == len(fresh))
    assert all(one.startswith("hit") for one in await watched(subject, fresh))


async def test_what_others_leave_no_room_for_is_passed_through(
    subject: Subject, origin: PretendOrigin, volume: Path
) -> None:
    held = films(0, 50)
    await watched(subject, held)
    await until(lambda: subject.written == len(held))  # the embedded cache writes behind its replies
    ballast = fill_up(volume)
    if subject.learns_late_that_a_volume_is_full:
        await until(lambda: subject.disk_full)
    await watched(subject, films(100, 200))
    await until(lambda: subject.disk_full)
    assert subject.kept_off_disk > 0
    assert all(one.startswith("hit") for one in await watched(subject, held[-10:]))

    ballast.unlink()
    await until(lambda: not subject.disk_full, ROOM_WITHIN_S)
    before = subject.stored
    await watched(subject, films(1000, 20))
    await until(lambda: subject.stored >= before + 20)
