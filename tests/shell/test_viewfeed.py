import zlib
from typing import Any

import orjson
import pytest

from edge.shell import viewfeed
from edge.shell.viewfeed import ViewFeed


class Source:
    """Views that are counted, and a clock."""

    def __init__(self) -> None:
        self.made = 0
        self.now = 100.0

    def view(self) -> dict[str, Any]:
        self.made += 1
        members = [{"name": f"edge-{number}", "status": "alive", "zone": "pune"} for number in range(300)]
        return {"version": self.made, "members": members}

    def feed(self) -> ViewFeed:
        return ViewFeed(self.view, lambda: self.now)


def version(event: bytes) -> int:
    head, data = event.strip().split(b"\n")
    assert head == b"event: view"
    return int(orjson.loads(data.removeprefix(b"data: "))["version"])


def test_listeners_share_a_view_as_long_as_it_is_fresh() -> None:
    source = Source()
    feed = source.feed()
    pieces = [feed.listener(coding)[0] for coding in ("", "gzip", "", "gzip")]
    for piece in pieces:
        piece()
    assert source.made == 1
    source.now += viewfeed.FRESH_S
    assert version(pieces[0]()) == 2


def test_each_piece_of_a_compressed_stream_can_be_read_when_it_comes() -> None:
    source = Source()
    feed = source.feed()
    early, fields = feed.listener("gzip, deflate, br, zstd")
    assert fields == {"Content-Encoding": "gzip"}
    first = zlib.decompressobj(wbits=31)
    piece = early()
    assert version(first.decompress(piece)) == 1
    assert len(piece) < len(feed.plain()) / 8
    source.now += 1
    late = feed.listener("gzip")[0]
    second = zlib.decompressobj(wbits=31)
    assert version(first.decompress(early())) == 2
    assert version(second.decompress(late())) == 2
    source.now += 1
    assert version(second.decompress(late())) == 3
    assert version(first.decompress(early())) == 3
    assert source.made == 3


@pytest.mark.parametrize(
    ("accepts", "squeezed"),
    [
        ("", False),
        ("identity", False),
        ("gzip", True),
        ("br, GZIP;q=0.5", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("x-gzip", False),
    ],
)
def test_only_who_takes_gzip_gets_it(accepts: str, squeezed: bool) -> None:
    assert bool(Source().feed().listener(accepts)[1]) == squeezed
