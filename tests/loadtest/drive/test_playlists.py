"""Pathways, clones and segments, as the product's own playlists have them."""

import pytest

from edge.cache.pathways import Steered as Told
from edge.cache.pathways import Way, steered_hls
from edge.demo.player import Stumble
from edge.origin.media import load
from edge.origin.playlist import media, multivariant
from loadtest.drive.playlists import HERE, main
from loadtest.drive.playlists import media as parsed
from loadtest.drive.steering import Steered

LIBRARY = load()
PLAIN = multivariant(LIBRARY).encode()
AT = "http://127.0.0.2:8080/live/main.m3u8"
WAYS = (Way("pune", "http://127.0.0.2:8080"), Way("goa", "http://127.0.0.3:8080"))
BASES = (Way("http-8080", "http://127.0.0.2:8080"),)
BODY = steered_hls(PLAIN, "/live/main.m3u8", Told("/v1/steering/hls/west/6", WAYS, BASES)) or b""


def test_a_plain_playlist_is_one_pathway() -> None:
    found = main(PLAIN, AT)
    assert list(found.pathways) == [HERE]
    assert not found.steering
    rates = [one.kbps for one in found.pathways[HERE].variants]
    assert rates == sorted(rates)
    assert len(rates) == 3
    assert found.pathways[HERE].audio(0, 0) == "http://127.0.0.2:8080/live/a-hi/playlist.m3u8"
    assert found.pathways[HERE].audio(2, 3) == "http://127.0.0.2:8080/live/a-en/playlist.m3u8"


def test_segments_have_numbers_lengths_and_what_must_be_there_first() -> None:
    track = LIBRARY.tracks[0]
    found = parsed(media(LIBRARY, track, 1_800_000_000.0).encode())
    newest = found.segments[-1]
    assert (newest.number, newest.seconds, found.target_s) == (899_999_999, 2.0, 2.0)
    assert newest.uri == "899999999.m4s"
    assert newest.init == "init.mp4"


@pytest.mark.parametrize("body", [b"", b"<html>", b"#EXTM3U\n", b"#EXTM3U\n#EXT-X-TARGETDURATION:x\n"])
def test_what_is_no_playlist_is_told(body: bytes) -> None:
    with pytest.raises(Stumble):
        main(body, AT)
    with pytest.raises(Stumble):
        parsed(body)


def test_steering_moves_to_the_first_pathway_that_is_known() -> None:
    steered = Steered(main(BODY, AT))
    assert steered.current == "pune"
    assert steered.server == "http://127.0.0.2:8080/v1/steering/hls/west/6"
    assert steered.question(1234.5).endswith("?_HLS_pathway=%22pune%22&_HLS_throughput=1234500")
    manifest = b'{"VERSION":1,"TTL":24,"RELOAD-URI":"/again","PATHWAY-PRIORITY":["far","goa","pune"]}'
    assert steered.told(manifest, steered.server)
    assert (steered.current, steered.ttl_s, steered.server) == ("goa", 24, "http://127.0.0.2:8080/again")
    assert steered.pathway.variants[0].url == "http://127.0.0.3:8080/live/v240/playlist.m3u8"
    assert not steered.told(manifest, steered.server)


def test_a_clone_is_another_host_at_the_same_port() -> None:
    steered = Steered(main(BODY, AT))
    clone = b'{"BASE-ID":"http-8080","ID":"far","URI-REPLACEMENT":{"HOST":"127.0.0.9"}}'
    steered.told(b'{"VERSION":1,"TTL":9,"PATHWAY-PRIORITY":["far"],"PATHWAY-CLONES":[' + clone + b"]}", AT)
    assert steered.current == "far"
    assert steered.pathway.variants[0].url == "http://127.0.0.9:8080/live/v240/playlist.m3u8"
    assert steered.pathway.audio(0, 1) == "http://127.0.0.9:8080/live/a-en/playlist.m3u8"
    steered.told(b'{"VERSION":1,"PATHWAY-PRIORITY":["nowhere"]}', AT)
    assert steered.current in main(BODY, AT).pathways


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"PATHWAY-PRIORITY":["a"],"PATHWAY-CLONES":[1]}'])
def test_what_is_no_manifest_is_told(body: bytes) -> None:
    with pytest.raises(Stumble):
        Steered(main(BODY, AT)).told(body, AT)
