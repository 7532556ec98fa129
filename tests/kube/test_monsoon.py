"""A zone in the rain: cut off, or with datagrams lost, while viewers in it watch (docs/monsoon.md)."""

import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from kube.beside import Audience, Viewers
from kube.faults import Faults, spare
from kube.live import Live
from kube.programs import Object, kubectl
from kube.sides import Sides
from kube.test_advertise import URI

NODES, INSIDE = 6, 2
VIEWERS = 30
WINDOW_S = 25.0  # what a live playlist holds, and some seconds
CUT_S, CUT_TAKES_S = 60.0, 3.0
SHOWN_S, CALM_S = 30.0, 120.0
CLOSED_WITHIN_S = 2.0
DWELL_S = 10.0  # monsoon.dwell_s as it is by default
LOSS_PERCENT, LOSS_S = 30, 60.0
PLAYED_S = 10.0
# What viewers say who got nothing new for four segments, and begin anew with the last three. No request has failed.
STANDS_STILL = "stream stands still"
# What the node says that was asked, and does not hold it: a segment that was named, but not fetched, when the cut came;
# or anything, where a viewer was sent to the other node of the island.
NOT_HELD, NOT_HELD_SHARE = "status 504", 0.01

_AGE = """
import sys, urllib.request
print(urllib.request.urlopen("http://localhost:7781" + sys.argv[1], timeout=5).headers["Age"])
"""

pytestmark = pytest.mark.timeout(700)


@pytest.fixture
def sides(live: Live) -> Sides:
    """Two nodes in a zone where nothing else of the release is, and four others."""
    live.scale(NODES)
    made = Sides.of(live.release, live.release.zone(spare(live.release)))
    assert len(made.inside) == INSIDE, f"{len(made.inside)} of {NODES} nodes are in {made.zone}"
    return made


@pytest.fixture
def some(sides: Sides, viewers: Audience) -> Viewers:
    """Viewers in that zone, whose nodes hold the stream's window by now and are as calm as all others."""
    made = viewers(VIEWERS, sides.zone)
    time.sleep(WINDOW_S)
    sides.wait(sides.is_clear, sides.all, CALM_S, "is calm before the fault")
    return made


def test_a_zone_cut_off_plays_what_it_holds_and_heals(
    sides: Sides, some: Viewers, live: Live, faults: Faults, saw: Callable[[str], None]
) -> None:
    before, began = some.totals(), time.time()
    with faults.cut(sides.zone):
        sides.wait(sides.shows_cut, sides.all, SHOWN_S, "shows the cut")
        sides.wait(is_strict(sides), sides.inside, SHOWN_S, "is at level 2")
        check_window(sides, some, began)
        time.sleep(max(0.0, began + CUT_S - time.time()))
        assert {sides.stands(pod) for pod in sides.inside} == {("monsoon", 2)}
        assert {sides.stands(pod) for pod in sides.outside} == {("watch", 0)}
        assert all(sides.shows_cut(pod) for pod in sides.all)
        assert all(len(sides.release.members(pod.name)) == NODES for pod in sides.all), "all stay listed"
        until_then = some.totals()
    healed = time.time()
    sides.wait(sides.shows_none, sides.all, SHOWN_S, "shows no cut")
    live.agree(NODES)
    played = until_then.since(before)
    saw(f"{sides.zone} cut for {healed - began:.0f} s; viewers in it: {played}")
    closes(sides, began, healed, saw)
    clears(sides, began, healed, saw)
    saw(f"and since then: {some.totals().since(until_then)}")
    assert not {*played.failures} - {STANDS_STILL, NOT_HELD}, "the island answers each request"
    assert played.failures[NOT_HELD] <= NOT_HELD_SHARE * played.requests
    assert played.segments > VIEWERS * CUT_S / 8
    plays_on(some)


def test_a_zone_that_loses_datagrams_is_watched_and_nobody_dies(
    sides: Sides, some: Viewers, live: Live, faults: Faults, saw: Callable[[str], None]
) -> None:
    """Of pings across 49% are answered then: a node inside misses 41% of its answers, one outside 20%."""
    before, began = some.totals(), time.time()
    with faults.loss(sides.zone, LOSS_PERCENT):
        sides.wait(lambda pod: sides.stands(pod)[0] == "watch", sides.inside, LOSS_S, "is watchful")
        time.sleep(max(0.0, began + LOSS_S - time.time()))
        lost = {pod.name: sides.loss(pod) for pod in sides.all}
        played = some.totals().since(before)
    healed = time.time()
    live.agree(NODES)
    sides.wait(sides.is_clear, sides.all, 2 * CALM_S, "is clear again")
    saw(f"{LOSS_PERCENT}% of {sides.zone} lost; viewers in it: {played}")
    for pod in sides.all:
        passed = sides.passed(pod, began)
        doubts = len(sides.logged("suspect", began, [pod])[pod.name])
        saw(
            f"{pod.name} misses {lost[pod.name]:.0%}, {doubts} suspicions; {steps(passed, began, healed) or 'clear'}"
        )
        assert {(one["to"], one["level"]) for one in passed} <= {("watch", 0), ("watch", 1), ("clear", 0)}
        told = [("Normal", f"Monsoon{one['to'].capitalize()}") for one in passed]
        assert sides.described(pod, began) == told
    assert not any(sides.logged("unreachable", began, sides.all).values()), "all of them live"
    assert not played.failures


def is_strict(sides: Sides) -> Callable[..., bool]:
    """Whether a node has gone to level 2, and no further."""
    return lambda pod: sides.stands(pod) == ("monsoon", 2)


def closes(sides: Sides, began: float, healed: float, saw: Callable[[str], None]) -> None:
    """Each node declared one partition, and closed it in time."""
    declared, closed = (sides.logged(kind, began, sides.all) for kind in ("partition", "healed"))
    late_s = max(max(at) for at in closed.values()) - healed
    took_s = max(max(at) for at in declared.values()) - began
    saw(
        f"declared by all {took_s:.2f} s after the cut began, closed by all {late_s:.2f} s after the heal ended"
    )
    assert [len(at) for at in closed.values()] == [1] * NODES == [len(at) for at in declared.values()]
    assert late_s < CLOSED_WITHIN_S


def clears(sides: Sides, began: float, healed: float, saw: Callable[[str], None]) -> None:
    """All modes end, each in its time and by its way, and Kubernetes was told."""
    sides.wait(sides.is_clear, sides.all, CALM_S, "is clear again")
    for pod in sides.all:
        passed = sides.passed(pod, began)
        saw(f"{pod.name}: {steps(passed, began, healed)}")
        stood = [(one["to"], one["level"]) for one in changes(passed)]
        if pod in sides.outside:
            assert stood == [("watch", 0), ("clear", 0)]
            assert sides.described(pod, began) == [("Normal", "MonsoonWatch"), ("Normal", "MonsoonClear")]
            continue
        assert stood == [("watch", stood[0][1]), ("monsoon", 2), ("recovering", 1), ("clear", 0)]
        recovering, clear = passed[-2:]
        assert healed < recovering["time"] <= clear["time"] - DWELL_S
        assert sides.described(pod, began) == [
            ("Normal", "MonsoonWatch"),
            ("Warning", "Monsoon"),
            ("Normal", "MonsoonRecovering"),
            ("Normal", "MonsoonClear"),
        ]


def changes(passed: list[Object]) -> list[Object]:
    """Those that changed the mode."""
    return [one for one in passed if one["from"] != one["to"]]


def steps(passed: list[Object], began: float, healed: float) -> str:
    """Changes in words, with the seconds since the fault, or with a sign since its end."""
    found = []
    for one in passed:
        since = f"{one['time'] - began:.1f}" if one["time"] < healed else f"+{one['time'] - healed:.1f}"
        found.append(f"{one['to']} {one['level']} at {since} s ({one['reason']})")
    return ", ".join(found)


def check_window(sides: Sides, some: Viewers, began: float) -> None:
    """All of the stream's window is served in the zone, and says its age, though its origin is on the other side."""
    asked = f"http://{sides.inside[0].ip}:7780/v1/route?path=/live/main.m3u8&zone={sides.zone}"
    (routed,) = some.fetch(asked)
    base = routed["headers"]["location"].removesuffix("main.m3u8")
    name = routed["headers"]["edge-route"].partition(";")[0]
    assert name in [pod.name for pod in sides.inside]
    (main,) = some.fetch(f"{base}main.m3u8")
    tracks = uris(main)
    assert tracks, main
    for track in tracks:
        cut_for_s = time.time() - began
        (one,) = some.fetch(base + track)
        assert is_served(one, name), (track, one)
        age_s = age_of(sides, name, base + track)
        assert age_s > cut_for_s - CUT_TAKES_S, (track, cut_for_s, age_s)
        folder = base + track.removesuffix("playlist.m3u8")
        objects = some.fetch(*(folder + uri for uri in uris(one)))
        assert len(objects) > WINDOW_S / 4
        assert all(is_served(each, name) for each in objects), (track, objects)


def age_of(sides: Sides, name: str, url: str) -> int:
    """The Age that a node gives an object; nginx, which is in front of it, tells none."""
    where = ["exec", name, "-n", sides.release.namespace, "-c", "edge", "--"]
    return int(kubectl(*where, "python3", "-c", _AGE, urlsplit(url).path))


def is_served(answer: Object, name: str) -> bool:
    """Whether a node gave something, and says from where (Cache-Status, RFC 9211): itself last of those it passed."""
    last = answer["headers"]["cache-status"].rpartition(", ")[2]
    return bool(answer["status"] == 200 and last.startswith(f'"{name}"; '))


def uris(playlist: Object) -> list[str]:
    """What a playlist names."""
    return ["".join(found) for found in URI.findall(playlist["text"])]


def plays_on(some: Viewers) -> None:
    """The live edge moves again for all viewers."""
    before = some.totals()
    time.sleep(PLAYED_S)
    played = some.totals().since(before)
    assert played.segments > VIEWERS * PLAYED_S / 4
    assert not played.failures
