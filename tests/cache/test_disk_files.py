"""Files of objects: what was written comes back whole, and what was not written so does not come back at all."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.cache.disk.body import BrokenBodyError, FileBody, FileSpan
from edge.cache.disk.files import Files
from edge.cache.disk.layout import META_MAX_BYTES, DamagedError, Meta, encoded
from edge.cache.disk.workers import Workers
from edge.cache.objects import Lifetime

META = Meta(
    key="/live/v240/7.m4s",
    status=200,
    headers={"Content-Type": "video/mp4", "X": "é"},
    etag='"a"',
    last_modified="",
    stored_at=1.7e9,
    initial_age_s=2.0,
    lifetime=Lifetime(3600.0, 0.0, 300.0),
    tags=("event-7", "all"),
    purges=5,
)
BODY = bytes(range(256)) * 40
NEVER = float("inf")


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Files]:
    workers = Workers("test", 1, 4)
    made = Files(tmp_path, workers)
    made.prepare()
    yield made
    workers.close()


def loaded(files: Files, serial: int) -> tuple[Meta, float, bytes]:
    head, body = files.load(serial, stream_from=1 << 40, verify=True)
    assert isinstance(body, bytes)
    return head.meta, head.stale_from, body


def test_what_was_written_comes_back(files: Files) -> None:
    for serial, body in ((1, BODY), (0xFFFF_0000_0102, b""), (258, b"x" * 5000)):
        files.write(serial, encoded(META), body)
        assert loaded(files, serial) == (META, NEVER, body)
        head = files.head(serial)
        assert head.size_bytes >= Path(files.path(serial)).stat().st_size
        assert head.size_bytes % 4096 == 0
    assert files.listed() == ([1, 258, 0xFFFF_0000_0102], 0)


def test_meta_that_is_longer_than_the_first_read(files: Files) -> None:
    long = Meta(**{name: getattr(META, name) for name in META.__struct_fields__} | {"etag": "e" * 50_000})
    files.write(1, encoded(long), BODY)
    assert loaded(files, 1) == (long, NEVER, BODY)


@pytest.mark.parametrize("header", ["\udcff", "x" * META_MAX_BYTES])
def test_meta_that_is_no_text_or_too_much_is_refused(header: str) -> None:
    with pytest.raises(ValueError, match=r"too much|surrogates"):
        encoded(
            Meta(
                **{name: getattr(META, name) for name in META.__struct_fields__} | {"headers": {"X": header}}
            )
        )


def test_a_soft_purge_is_noted_in_place(files: Files) -> None:
    files.write(1, encoded(META), BODY)
    files.mark(1, 1.8e9)
    assert loaded(files, 1) == (META, 1.8e9, BODY)
    files.mark(2, 1.8e9)  # is not there


def test_removal(files: Files) -> None:
    files.write(1, encoded(META), BODY)
    for _ in range(2):
        files.remove(1)
    assert files.listed() == ([], 0)
    with pytest.raises(FileNotFoundError):
        files.head(1)


async def test_a_streamed_body_survives_its_removal(files: Files) -> None:
    files.write(1, encoded(META), BODY)
    _, body = files.load(1, stream_from=10, verify=True)
    assert isinstance(body, FileBody)
    files.remove(1)
    assert await FileSpan(body, 0, len(body)).whole() == BODY
    assert await FileSpan(body, 100, 1000).whole() == BODY[100:1100]
    files.write(2, encoded(META), body)  # a revalidated object is copied
    assert loaded(files, 2) == (META, NEVER, BODY)


async def test_a_streamed_body_that_becomes_shorter_is_cut_not_padded(files: Files) -> None:
    files.write(1, encoded(META), BODY)
    _, body = files.load(1, stream_from=10, verify=False)
    assert isinstance(body, FileBody)
    os.truncate(files.path(1), 5000)
    with pytest.raises(BrokenBodyError):
        await FileSpan(body, 0, len(body)).whole()


@given(cut=st.integers(0, 10_000))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_a_truncated_file_is_never_an_object(files: Files, cut: int) -> None:
    files.write(1, encoded(META), BODY)
    os.truncate(files.path(1), cut)
    with pytest.raises(DamagedError):
        files.head(1)
    files.remove(1)


@given(at=st.integers(0, 10_500), flip=st.integers(1, 255), stream=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_no_changed_byte_goes_unnoticed(files: Files, at: int, flip: int, stream: bool) -> None:
    files.write(1, encoded(META), BODY)
    path = Path(files.path(1))
    whole = bytearray(path.read_bytes())
    at %= len(whole)
    whole[at] ^= flip
    path.write_bytes(whole)
    with pytest.raises(DamagedError):
        files.load(1, stream_from=10 if stream else 1 << 40, verify=True)
    files.remove(1)


def test_a_failed_write_leaves_nothing(files: Files, tmp_path: Path) -> None:
    (tmp_path / "objects" / "01").write_bytes(b"in the way")
    with pytest.raises(NotADirectoryError):
        files.write(1, encoded(META), BODY)
    assert not list((tmp_path / "tmp").iterdir())


def test_what_a_killed_process_left_half_written_is_swept_away(files: Files, tmp_path: Path) -> None:
    (tmp_path / "tmp" / "0000000000000001").write_bytes(b"half")
    (tmp_path / "tmp" / "folder").mkdir()
    files.prepare()
    assert [one.name for one in (tmp_path / "tmp").iterdir()] == ["folder"]


def test_foreign_files_are_no_objects(files: Files, tmp_path: Path) -> None:
    files.write(1, encoded(META), BODY)
    folder = tmp_path / "objects" / "01"
    for name in ("README", "0000000000000002", "00000000000000001", "000000000000000g", "-000000000000001"):
        (folder / name).write_bytes(b"junk")
    assert files.listed() == ([1], 5)
