"""Multivariant playlists with pathways."""

import m3u8
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.pathways import Steered, Way, base_of, steered_hls

TO = Steered(
    "/v1/steering/hls/west/3", (Way("pune", "http://pune.example:8080"), Way("delhi", "http://delhi.example"))
)
PLAYLIST = b"""#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-SESSION-DATA:DATA-ID="title",VALUE="The final, live"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="Hindi, loud",DEFAULT=YES,URI="a-hi/playlist.m3u8"
#EXT-X-MEDIA:TYPE=CLOSED-CAPTIONS,GROUP-ID="cc",NAME="English",INSTREAM-ID="CC1"
#EXT-X-STREAM-INF:BANDWIDTH=800000,CODECS="avc1,mp4a",STABLE-VARIANT-ID="low",AUDIO="audio",CLOSED-CAPTIONS="cc"
v240/playlist.m3u8?key=1
#EXT-X-STREAM-INF:BANDWIDTH=1600000,AUDIO="audio"
/elsewhere/v360.m3u8
#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH=90000,URI="v240/trick.m3u8"
#EXT-X-ODD:FROM-THE-FUTURE=1
"""


def steered(body: bytes = PLAYLIST, path: str = "/live/main.m3u8") -> str:
    made = steered_hls(body, path, TO)
    assert made is not None
    return made.decode()


def test_it_names_who_steers_and_the_pathway_to_begin_with() -> None:
    lines = steered().splitlines()
    assert lines[:2] == [
        "#EXTM3U",
        '#EXT-X-CONTENT-STEERING:SERVER-URI="/v1/steering/hls/west/3",PATHWAY-ID="pune"',
    ]


def test_each_variant_is_there_for_each_node_and_as_it_was() -> None:
    playlist = m3u8.loads(steered())
    assert [one.uri for one in playlist.playlists] == [
        "http://pune.example:8080/live/v240/playlist.m3u8?key=1",
        "http://pune.example:8080/elsewhere/v360.m3u8",
        "http://delhi.example/live/v240/playlist.m3u8?key=1",
        "http://delhi.example/elsewhere/v360.m3u8",
        "v240/playlist.m3u8?key=1",
        "/elsewhere/v360.m3u8",
    ]
    assert [one.stream_info.pathway_id for one in playlist.playlists] == [
        "pune",
        "pune",
        "delhi",
        "delhi",
        None,
        None,
    ]
    assert [one.uri for one in playlist.iframe_playlists] == [
        "http://pune.example:8080/live/v240/trick.m3u8",
        "http://delhi.example/live/v240/trick.m3u8",
        "v240/trick.m3u8",
    ]


def test_renditions_are_in_groups_of_their_pathway() -> None:
    playlist = m3u8.loads(steered())
    audio = {one.group_id: one.uri for one in playlist.media if one.type == "AUDIO"}
    assert audio == {
        "audio~pune": "http://pune.example:8080/live/a-hi/playlist.m3u8",
        "audio~delhi": "http://delhi.example/live/a-hi/playlist.m3u8",
        "audio": "a-hi/playlist.m3u8",
    }
    used = [one.stream_info.audio for one in playlist.playlists]
    assert used == ["audio~pune"] * 2 + ["audio~delhi"] * 2 + ["audio"] * 2
    captions = [one.group_id for one in playlist.media if one.type == "CLOSED-CAPTIONS"]
    assert captions == ["cc"]
    assert 'STABLE-VARIANT-ID="low"' in steered()


def test_what_is_unknown_stays() -> None:
    lines = steered().splitlines()
    for tag in (
        '#EXT-X-SESSION-DATA:DATA-ID="title",VALUE="The final, live"',
        "#EXT-X-ODD:FROM-THE-FUTURE=1",
    ):
        assert lines.count(tag) == 1
    assert 'NAME="Hindi, loud"' in steered()


def test_there_is_a_pathway_to_make_clones_of_for_each_port_and_scheme() -> None:
    base = Way(base_of("http://pune.example:8080"), "http://pune.example:8080")
    made = steered_hls(PLAYLIST, "/live/main.m3u8", TO._replace(bases=(base,)))
    assert made is not None
    found = [one for one in m3u8.loads(made.decode()).playlists if one.stream_info.pathway_id == "http-8080"]
    assert [one.uri for one in found] == [
        "http://pune.example:8080/live/v240/playlist.m3u8?key=1",
        "http://pune.example:8080/elsewhere/v360.m3u8",
    ]
    assert base_of("https://pune.example/") == "https-443"
    assert base_of("https://example.org/pune") == ""


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"#EXTM3U\n#EXTINF:2,\n1.m4s\n",
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://other.example/v.m3u8\n",
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n//other.example/v.m3u8\n",
        b'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1,PATHWAY-ID="theirs"\nv.m3u8\n',
        b'#EXTM3U\n#EXT-X-CONTENT-STEERING:SERVER-URI="/theirs"\n#EXT-X-STREAM-INF:BANDWIDTH=1\nv.m3u8\n',
        b'#EXTM3U\n#EXT-X-DEFINE:NAME="host",VALUE="x"\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{$host}/v.m3u8\n',
        b'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH="1\nv.m3u8\n',
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n",
        b"#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n\xff.m3u8\n",
        PLAYLIST + b"#" * 300_000,
    ],
    ids=[
        "nothing",
        "media",
        "elsewhere",
        "another host",
        "pathways",
        "steered",
        "variables",
        "quote",
        "no URI",
        "no text",
        "large",
    ],
)
def test_what_cannot_be_steered_stays_as_it_is(body: bytes) -> None:
    assert steered_hls(body, "/live/main.m3u8", TO) is None


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_junk_raises_nothing(junk: bytes) -> None:
    steered_hls(PLAYLIST + junk, "/live/main.m3u8", TO)
    steered_hls(b"#EXTM3U\n#EXT-X-STREAM-INF:" + junk, "/live/main.m3u8", TO)
