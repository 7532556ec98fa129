"""Entrances of the cache: playlists and answers of an origin, what viewers' fields ask of an object, files on disk."""

import contextlib
import os
import tempfile
import zlib
from pathlib import Path

from multidict import CIMultiDict

from edge.cache.cache import LOOP_MAX_BYTES
from edge.cache.disk.files import Files
from edge.cache.disk.journal import Journal, Record, read
from edge.cache.disk.layout import (
    META_AT,
    DamagedError,
    Meta,
    digest_of,
    encoded,
    stale_field,
    start_of,
)
from edge.cache.disk.workers import Workers
from edge.cache.follow import led_to
from edge.cache.keys import BadTargetError, cache_key, normal_path
from edge.cache.lifetime import age_of, lifetime, playlist_limit_s, viewer_control
from edge.cache.locations import steered_mpd
from edge.cache.multivariant import Ladders, below, filtered, rungs
from edge.cache.objects import CachedObject, CacheRequest, Lifetime
from edge.cache.pathways import Steered, Way, steered_hls
from edge.cache.purge import TAGS_MAX, tags_of
from edge.cache.respond import respond
from edge.cache.settings import CacheSettings
from edge.cache.upstream import names_of_loop
from edge.cache.window import LiveWindows
from edge.demo.player import Stumble, parse_media, parse_variants
from edge.nginx import head as nginx_head
from edge.nginx.names import own_key
from fuzz.target import Target, law

_SETTINGS = CacheSettings(origin="http://127.0.0.1:1")
_TO = Steered(
    "/v1/steering/hls/pune/0", (Way("pune", "http://10.0.0.1:80"),), (Way("http-80", "http://10.0.0.1:80"),)
)
_DATE = "Sun, 06 Nov 1994 08:49:37 GMT"
_OBJECT = CachedObject(
    key="/live/v240/7.m4s",
    status=200,
    headers=CIMultiDict({"Content-Type": "video/mp4", "ETag": '"a"', "Last-Modified": _DATE}),
    body=bytes(1000),
    etag='"a"',
    last_modified=_DATE,
    stored_at=0.0,
    initial_age_s=0.0,
    lifetime=Lifetime(60.0),
)
_PLACE = tempfile.TemporaryDirectory(
    prefix="fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)

MULTI = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="Hindi",LANGUAGE="hi",DEFAULT=YES,URI="a-hi/main.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=300000,AVERAGE-BANDWIDTH=250000,CODECS="avc1.42c00d,mp4a.40.2",AUDIO="a"
v240/main.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=900000,RESOLUTION=960x540,AUDIO="a"
v540/main.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="i/main.m3u8"
"""
MEDIA = b"""#EXTM3U
#EXT-X-VERSION:9
#EXT-X-TARGETDURATION:2
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,PART-HOLD-BACK=1.0,CAN-SKIP-UNTIL=12.0
#EXT-X-PART-INF:PART-TARGET=0.33
#EXT-X-MEDIA-SEQUENCE:266
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2019-02-14T02:13:36.106Z
#EXTINF:2.0,
266.m4s
#EXT-X-DISCONTINUITY
#EXT-X-BYTERANGE:100@0
#EXTINF:2.0,title
267.m4s
#EXT-X-PART:DURATION=0.33,URI="268.0.m4s",INDEPENDENT=YES
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="268.1.m4s"
#EXT-X-DATERANGE:ID="x",START-DATE="2019-02-14T02:13:36.106Z",SCTE35-OUT=0xFC002F0000000000FF
#EXT-X-KEY:METHOD=AES-128,URI="k",IV=0x10
"""
MPD = b"""<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" minimumUpdatePeriod="PT2S" maxSegmentDuration="PT2.5S">
<Period id="1"><AdaptationSet><SegmentTemplate media="v/$Number$.m4s"/></AdaptationSet></Period></MPD>
"""


def playlist(data: bytes) -> None:
    """The body of an origin's playlist, and all that is made of it."""
    law(0 < playlist_limit_s(data) <= 3600, "no time to keep it")
    windows, ladders = LiveWindows(), Ladders()
    windows.learn("/live/main.m3u8", data)
    windows.content("/live/266.m4s")
    ladders.learn("/live/main.m3u8", data)
    for path in led_to("/live/main.m3u8", data):
        law(normal_path(path) == path, "it leads to what is no path")
    text = data.decode(errors="surrogateescape")
    offered = rungs(text)
    law(rungs(filtered(text, {one.uri for one in offered})) == offered, "all rungs are not all of them")
    allowed = below(offered, 500)
    law(rungs(filtered(text, allowed)) == tuple(one for one in offered if one.uri in allowed), "another rung")
    if made := steered_hls(data, "/live/main.m3u8", _TO):
        law(made.startswith(b"#EXTM3U"), "it is no playlist any more")
    steered_mpd(data, "/live/main.mpd", _TO, "/live/main.mpd?x")
    for parse in (parse_media, parse_variants):
        with contextlib.suppress(Stumble):
            parse(data)


def fields(lines: list[bytes]) -> CIMultiDict[str]:
    """Header fields, as aiohttp hands them on."""
    found = CIMultiDict[str]()
    for line in lines[:32]:
        name, _, value = line.partition(b":")
        if name.strip():
            found.add(name.strip().decode("latin-1"), value.strip().decode(errors="surrogateescape"))
    return found


def answered(data: bytes) -> None:
    """Status, fields and body of an origin's answer."""
    head, _, body = data.partition(b"\n\n")
    status, *lines = head.split(b"\n")
    told = fields(lines)
    code = int(status) if status.isdigit() and len(status) == 3 else 200
    for path in ("/live/main.m3u8", "/live/7.m4s", "/x"):
        if life := lifetime(path, code, told, body, _SETTINGS):
            law(0 <= life.fresh_s < 1e11, "no time to keep it")
            viewer_control(path, told.get("Cache-Control", ""), life)
    law(age_of(told) >= 0, "it is younger than new")
    law(len(tags_of(told).kept) <= TAGS_MAX, "more tags than are kept")
    names_of_loop(told.get("CDN-Loop", "")[:LOOP_MAX_BYTES])


def conditions(data: bytes) -> None:
    """Range and conditions of a viewer, on an object that is here."""
    method, *lines = data.split(b"\n")
    request = CacheRequest("HEAD" if method[:1] == b"H" else "GET", _OBJECT.key, "", fields(lines))
    given = respond(request, _OBJECT, '"edge"; hit', 1.0)
    law(given.status in (200, 206, 304, 416), "no such answer")
    if given.status == 206 and isinstance(given.body, memoryview):
        first, last = given.headers["Content-Range"].removeprefix("bytes ").partition("/")[0].split("-")
        law(len(given.body) == int(last) - int(first) + 1 <= 1000, "another range than it says")


def target(data: bytes) -> None:
    """A request's target."""
    path, _, query = data.decode(errors="surrogateescape").partition("?")
    try:
        key = cache_key(CacheRequest("GET", path, query, {}))
    except BadTargetError as error:
        law(error.status in (400, 414), "no such answer")
        return
    again = key.partition("?")
    law(cache_key(CacheRequest("GET", again[0], again[2], {})) == key, "a key has another key")


def _line(text: bytes) -> bytes:
    return b"%08x %s" % (zlib.crc32(text), text)


def journal(data: bytes) -> None:
    """The record of purges on disk; after a first byte above 0x7f lines have the checksums that they should have."""
    path = Path(_PLACE.name) / "journal"
    given = data[1:]
    if data[:1] > b"\x7f":
        given = b"\n".join(_line(line) for line in given.split(b"\n")) + b"\n"
    path.write_bytes(given)
    try:
        found = read(path)
    except DamagedError:
        return
    law(found is not None, "a file is none")
    if found:
        written = Journal(path)
        written.begin(found.starts, found.records)
        written.close()
        law(read(path) == found, "it is another one when written again")


_WORKERS = Workers("fuzz", 1, 1)


def stored(data: bytes) -> None:
    """The file of an object; after a first byte above 0x7f its digests are those that they should be."""
    files = Files(Path(_PLACE.name), _WORKERS)
    given = data[1:]
    if data[:1] > b"\x7f":
        meta, _, body = given.partition(b"\n")
        given = start_of(meta, len(body), digest_of((body,))) + meta + body
    elif len(given) >= META_AT:
        given = given[:56] + stale_field(1.0) + given[META_AT:]
    path = Path(files.path(1))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(given)
    try:
        head, body_ = files.load(1, 1 << 20, verify=True)
    except DamagedError:
        return
    law(len(body_) == head.body_bytes, "another body than it says")


def copied(data: bytes) -> None:
    """A file of nginx's cache."""
    if (found := nginx_head.parse(data, len(data))) and (key := own_key(found.key)):
        law(key.startswith("/"), "a key that is no path")
    if found and found.fill:
        text = str(found.fill)
        law(nginx_head.read_fill(text) is not None, "a mark that cannot be read again")


def _meta() -> bytes:
    return encoded(
        Meta(
            key="/live/7.m4s",
            status=200,
            headers={"A": "b"},
            etag="",
            last_modified="",
            stored_at=1.0,
            initial_age_s=0.0,
            lifetime=Lifetime(60.0),
            tags=("t",),
            purges=3,
        )
    )


def _journals() -> list[bytes]:
    records = [Record(7, "url", "/live/7.m4s", False, 1.0, "x"), Record(8, "tag", "t", True, 2.0, "")]
    path = Path(_PLACE.name) / "seed"
    made = Journal(path)
    made.begin(3, records)
    made.close()
    raw = path.read_bytes()
    return [b"\x00" + raw, b"\xff" + b"\n".join(line[9:] for line in raw.splitlines())]


def _stored() -> list[bytes]:
    meta, body = _meta(), b"body"
    return [
        b"\x00" + start_of(meta, len(body), digest_of((body,))) + meta + body,
        b"\xff" + meta + b"\n" + body,
    ]


def _answers() -> list[bytes]:
    return [
        b"200\nCache-Control: public, max-age=60, stale-if-error=5\nSurrogate-Key: a b\nAge: 3\n\n" + MEDIA,
        b"200\nExpires: " + _DATE.encode() + b"\nDate: " + _DATE.encode() + b"\nCache-Tag: a,b\nVary: *\n\n",
        b"404\nCDN-Cache-Control: max-age=1\nCDN-Loop: a; b, c\nSet-Cookie: a\n\n",
    ]


def _conditions() -> list[bytes]:
    dated = b"GET\nIf-Modified-Since: " + _DATE.encode()
    return [
        b"GET\nRange: bytes=0-99",
        b'GET\nIf-None-Match: W/"a", "b"',
        dated,
        b'HEAD\nRange: bytes=-5\nIf-Range: "a"',
    ]


_HEAD = (
    b"\x05"
    + bytes(60)
    + b"\nKEY: /live/7.m4s|||\nHTTP/1.1 200 OK\r\nEdge-Fill: abc-7-1795000000\r\nSurrogate-Key: a b\r\n\r\nbody"
)
_LISTS = (b"#EXTM3U\n", b"#EXT-X-STREAM-INF:", b"#EXTINF:", b"#EXT-X-ENDLIST\n", b"URI=", b"BANDWIDTH=")

TARGETS = (
    Target(
        "playlist",
        playlist,
        lambda: [MULTI, MEDIA, MEDIA + b"#EXT-X-ENDLIST\n", MPD],
        16_384,
        share=0.04,
        heads=(b"", b"#EXTM3U\n", b"#EXTM3U\n#EXT-X-STREAM-INF:", b"<MPD "),
        words=_LISTS,
    ),
    Target(
        "answer", answered, _answers, 4096, share=0.1, heads=(b"", b"200\nCache-Control:", b"200\nExpires: ")
    ),
    Target(
        "conditions",
        conditions,
        _conditions,
        8192,
        heads=(b"", b"GET\nRange: ", b"GET\nIf-None-Match: ", b"GET\nIf-Modified-Since: "),
        share=0.8,
    ),
    Target(
        "target",
        target,
        lambda: [b"/live/v240/7.m4s?_HLS_msn=3&a=%41", b"/a%2Fb/%7Ec"],
        2200,
        share=0.5,
        heads=(b"", b"/", b"/?_HLS_msn="),
    ),
    Target("journal", journal, _journals, 4096, share=0.15, heads=(b"\x00", b"\xff")),
    Target("object", stored, _stored, 4096, share=0.03, heads=(b"\x00", b"\xff")),
    Target("nginx_file", copied, lambda: [_HEAD], 4096, heads=(b"", b"12345678\nKEY: "), share=0.3),
)
