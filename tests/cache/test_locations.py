"""MPDs with service locations."""

from xml.etree import ElementTree
from xml.parsers import expat

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edge.cache.locations import steered_mpd
from edge.cache.pathways import Steered, Way

TO = Steered(
    "/v1/steering/dash/west/3",
    (Way("pune", "http://pune.example:8080"), Way("delhi", "http://delhi.example")),
)
AGAIN = "/live/main.mpd?edge-shard=3"
SPACE = "{urn:mpeg:dash:schema:mpd:2011}"
MPD = b"""<?xml version="1.0" encoding="UTF-8"?>
<!-- by hand -->
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" availabilityStartTime="2026-11-21T14:00:00Z">
  <BaseURL>media/</BaseURL>
  <Period id="1"><BaseURL>p1/</BaseURL><AdaptationSet mimeType="video/mp4"/></Period>
</MPD>
"""


def steered(body: bytes = MPD) -> ElementTree.Element:
    made = steered_mpd(body, "/live/main.mpd", TO, AGAIN)
    assert made is not None
    return ElementTree.fromstring(made)


def bases(root: ElementTree.Element) -> dict[str, str | None]:
    return {one.attrib["serviceLocation"]: one.text for one in root.findall(f"{SPACE}BaseURL")}


def test_it_names_each_node_who_steers_and_where_it_begins() -> None:
    root = steered()
    assert bases(root) == {
        "pune": "http://pune.example:8080/live/media/",
        "delhi": "http://delhi.example/live/media/",
        ".": "media/",
    }
    steering = root.find(f"{SPACE}ContentSteering")
    assert steering is not None
    assert steering.text == "/v1/steering/dash/west/3"
    assert steering.attrib == {"defaultServiceLocation": "pune", "queryBeforeStart": "true"}


def test_a_live_one_is_asked_for_again_in_the_same_shard() -> None:
    location = steered().find(f"{SPACE}Location")
    assert location is not None
    assert location.text == AGAIN
    recorded = MPD.replace(b'type="dynamic"', b'type="static"')
    assert steered(recorded).find(f"{SPACE}Location") is None
    told = MPD.replace(b"<Period", b"<Location>/there.mpd</Location><Period")
    assert [one.text for one in steered(told).findall(f"{SPACE}Location")] == ["/there.mpd"]


def test_without_an_address_of_its_own_the_folder_is_meant() -> None:
    plain = MPD.replace(b"<BaseURL>media/</BaseURL>", b"")
    assert bases(steered(plain)) == {
        "pune": "http://pune.example:8080/live/",
        "delhi": "http://delhi.example/live/",
        ".": "./",
    }


def test_all_else_stays_letter_by_letter() -> None:
    made = steered_mpd(MPD, "/live/main.mpd", TO, AGAIN)
    assert made is not None
    assert made.startswith(MPD.partition(b"\n  <BaseURL>")[0])
    assert made.endswith(MPD.partition(b"media/</BaseURL>")[2])


def test_a_prefix_of_the_namespace_is_kept() -> None:
    named = b'<d:MPD xmlns:d="urn:mpeg:dash:schema:mpd:2011" note="a > b"><d:Period/></d:MPD>'
    assert set(bases(steered(named))) == {"pune", "delhi", "."}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"MPD",
        b"<MPD/>",
        b"<other><MPD></MPD></other>",
        b"<MPD><Period></MPD>",
        b"<MPD><BaseURL>https://other.example/</BaseURL></MPD>",
        b'<MPD><BaseURL serviceLocation="theirs">a/</BaseURL></MPD>',
        b"<MPD><ContentSteering>/theirs</ContentSteering></MPD>",
        b'<!DOCTYPE MPD [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><MPD><BaseURL>&b;</BaseURL></MPD>',
        b'<?xml version="1.0" encoding="ISO-8859-1"?><MPD><Period/></MPD>',
        b'<?xml version="1.0"?><MPD>' + b"<a>" * 100 + b"</a>" * 100 + b"</MPD>",
        b"<MPD>" + b" " * 300_000 + b"</MPD>",
    ],
    ids=[
        "nothing",
        "no XML",
        "empty",
        "inside",
        "broken",
        "elsewhere",
        "locations",
        "steered",
        "entities",
        "encoding",
        "deep",
        "large",
    ],
)
def test_what_cannot_be_steered_stays_as_it_is(body: bytes) -> None:
    assert steered_mpd(body, "/live/main.mpd", TO, AGAIN) is None


@given(st.binary(max_size=200), st.integers(0, len(MPD)))
@example(b"A", MPD.index(b"UTF-8"))
@example(b"}", MPD.index(b"urn:"))
@example(b":", MPD.index(b"type"))
def test_junk_raises_nothing_and_makes_no_broken_xml(junk: bytes, at: int) -> None:
    made = steered_mpd(MPD[:at] + junk + MPD[at:], "/live/main.mpd", TO, AGAIN)
    if made is not None:
        # Not by ElementTree, which refuses well-formed XML, too: names and namespaces that came like that.
        expat.ParserCreate().Parse(made, True)
