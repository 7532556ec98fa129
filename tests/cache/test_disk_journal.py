"""The record of purges: no purge that was told to be recorded is lost, and what is broken is known to be broken."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.cache.disk.journal import GONE, UNTOUCHED, Contents, Journal, PurgeTable, Record, read
from edge.cache.disk.layout import DamagedError
from edge.cache.purge import Purge, What, hits

KEYS = ["/", "/a", "/a?_HLS_msn=1", "/a/", "/a/b", "/a/bc", "/b"]
BY: list[tuple[What, list[str]]] = [
    ("url", ["/", "/a", "/a/b", "/none"]),
    ("prefix", ["/", "/a", "/a/", "/a/b", "/none"]),
    ("tag", ["x", "y"]),
]
PURGES = st.sampled_from([(what, value) for what, values in BY for value in values])


def records(count: int) -> list[Record]:
    return [
        Record(
            number, "url", f"/é\n{number}", soft=number % 2 == 1, at=1.7e9 + number, ident=f"pune {number}"
        )
        for number in range(1, count + 1)
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def written(path: Path, before: list[Record], *batches: list[Record]) -> None:
    journal = Journal(path)
    journal.begin(7, before)
    for batch in batches:
        journal.append(batch)
    journal.close()


def test_what_was_recorded_is_read(path: Path) -> None:
    assert read(path) is None
    given_records = records(5)
    written(path, given_records[:2], given_records[2:3], given_records[3:])
    assert read(path) == Contents(7, given_records)
    written(path, given_records[3:])
    assert read(path) == Contents(7, given_records[3:])


@given(cut=st.integers(0, 400))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_of_a_torn_end_the_whole_lines_count(path: Path, cut: int) -> None:
    written(path, records(4))
    whole = path.read_bytes()
    path.write_bytes(whole[: cut % len(whole)])
    lines = whole[: cut % len(whole)].count(b"\n")
    if lines:
        assert read(path) == Contents(7, records(4)[: lines - 1])
    else:
        with pytest.raises(DamagedError):
            read(path)


@given(at=st.integers(0, 400), flip=st.integers(1, 255))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_a_changed_byte_never_makes_another_record(path: Path, at: int, flip: int) -> None:
    written(path, records(4))
    whole = bytearray(path.read_bytes())
    at %= len(whole)
    whole[at] ^= flip
    path.write_bytes(whole)
    if at == len(whole) - 1:  # as if the last line had been written by half
        assert read(path) == Contents(7, records(3))
    else:
        with pytest.raises(DamagedError):
            read(path)


def test_after_a_failed_append_the_same_can_be_appended(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(path)
    journal.begin(7, [])
    real = os.fdatasync

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fdatasync", full)
    with pytest.raises(OSError, match="No space"):
        journal.append(records(2))
    monkeypatch.setattr(os, "fdatasync", real)
    journal.append(records(3))
    journal.close()
    assert read(path) == Contents(7, records(3))


def test_a_journal_of_another_version_is_not_guessed_at(path: Path) -> None:
    written(path, [])
    path.write_bytes(b"4ab2cb3c [2,7]\n")
    with pytest.raises(DamagedError):
        read(path)


@given(
    st.lists(st.tuples(PURGES, st.booleans()), max_size=12),
    st.sampled_from(KEYS),
    st.lists(st.sampled_from("xyz"), unique=True),
    st.integers(0, 12),
)
def test_the_table_says_what_the_definition_says(
    given_purges: list[tuple[tuple[What, str], bool]], key: str, tags: list[str], purges: int
) -> None:
    made = [
        Record(number, what, value, soft, 100.0 + number, "")
        for number, ((what, value), soft) in enumerate(given_purges, 1)
    ]
    later = [one for one in made if one.number > purges and hits(Purge(one.what, one.value), key, tags)]
    expected = UNTOUCHED
    if any(not one.soft for one in later):
        expected = GONE
    elif later:
        expected = later[0].at
    assert PurgeTable(made).stale_from(key, tags, purges) == expected
