"""A first installation: nothing set, in a namespace that enforces the restricted Pod Security level."""

import time
from collections.abc import Callable

from kube.beside import Viewers
from kube.live import Live
from kube.programs import until
from kube.releases import Release

READY_WITHIN_S = 60.0
AGREED_S = 15.0
PLAY_S = 10.0


def test_no_values_in_a_restricted_namespace(bare: tuple[Release, float], saw: Callable[[str], None]) -> None:
    release, took_s = bare
    pods = release.pods()
    names = ["edge-0", "edge-1", "edge-2"]
    assert [pod.name for pod in pods] == names
    saw(f"three pods ready after {took_s:.0f} s")
    assert took_s < READY_WITHIN_S
    assert [pod.restarts for pod in pods] == [0, 0, 0]
    all_agree: Callable[[], bool] = lambda: all(release.alive(name) == names for name in names)  # noqa: E731
    until(all_agree, AGREED_S, "every pod sees three alive")


def test_each_node_knows_its_zone(bare: tuple[Release, float]) -> None:
    release, _ = bare
    zones = {pod.name: release.zone(pod) for pod in release.pods()}
    assert {name: one["zone"] for name, one in release.members("edge-0").items()} == zones


def test_helm_test_passes(bare: tuple[Release, float]) -> None:
    release, _ = bare
    told = release.helm("test", "--timeout", "180s")
    assert told.count("Phase:          Succeeded") == 3, told


def test_the_stream_plays_through_the_client_service(live: Live) -> None:
    viewers = Viewers(live.release, 5)
    viewers.start()
    before = viewers.totals()
    time.sleep(PLAY_S)
    played = viewers.totals().since(before)
    viewers.stop()
    assert played.segments >= 5 * PLAY_S / 2 / 2  # a segment is two seconds; half of them would be a stall
    assert not played.failures
    told = live.release.helm("test", "--timeout", "180s")  # with an origin `route` wants the playlist itself
    assert told.count("Phase:          Succeeded") == 3, told
