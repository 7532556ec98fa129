import struct
import time
from pathlib import Path

import pytest

from edge.nginx import files
from edge.nginx.head import Fill, expire, parse, read, read_fill
from edge.nginx.names import Folder

FIELDS = b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nSurrogate-Key: final v240\r\nEdge-Fill: abcd-7-1700000000\r\n"


def head(version: int = 5, valid: int = 2_000_000_000, fields: bytes = FIELDS) -> bytes:
    start = struct.pack("=Qq", version, valid) + bytes(320)
    return start + b"\nKEY: /live/7.m4s|||\n" + fields + b"\r\n"


def test_a_head_tells_key_tags_and_answer() -> None:
    found = parse(head() + b"media", len(head()) + 5)
    assert found
    assert (found.key, found.tags, found.body_bytes) == (b"/live/7.m4s|||", ("final", "v240"), 5)
    assert found.fill == Fill("abcd", 7, 1_700_000_000.0)
    assert read_fill(str(found.fill)) == found.fill


@pytest.mark.parametrize("length", [0, 7, 16, 336, 350, len(head()) - 1])
def test_a_head_that_is_cut_off_is_none(length: int) -> None:
    assert parse(head()[:length], length) is None


@pytest.mark.parametrize("text", ["", "x", "a-b-c", "a-1-", "-1-1", "a-²-1", "a-1"])
def test_a_field_of_another_program_is_no_answer(text: str) -> None:
    assert read_fill(text) is None


def test_a_head_with_many_fields_is_read_whole(tmp_path: Path) -> None:
    many = FIELDS + b"".join(b"X-%d: %s\r\n" % (number, 100 * b"x") for number in range(100))
    (tmp_path / "file").write_bytes(head(fields=many) + b"media")
    found = read(tmp_path / "file")
    assert found
    assert found.body_bytes == 5
    assert read(tmp_path / "none") is None


def test_a_copy_becomes_stale_in_place_and_no_fresher(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for valid, left in ((2_000_000_000, 999), (500, 500)):
        path.write_bytes(head(valid=valid) + b"media")
        assert expire(path, 1000.9)
        assert path.read_bytes() == head(valid=left) + b"media"
    assert expire(tmp_path / "gone", 1000.0)
    path.write_bytes(head(version=6))
    assert not expire(path, 1000.0)


def test_what_cannot_be_purged_is_told(tmp_path: Path) -> None:
    folder = Folder(tmp_path)
    name = 30 * "0" + "ab"
    folder.file(name).mkdir(parents=True)  # a folder where a file should be
    assert files.purge(folder, [name, 32 * "1"], None).failed == [name]
    assert files.purge(folder, [name], time.time()).error
    assert files.listed(folder).whole == [name]
    assert dict(files.heads(folder, [name])) == {name: None}
    volume = files.volume(folder)
    assert 0 < volume.used_bytes < volume.usable_bytes
