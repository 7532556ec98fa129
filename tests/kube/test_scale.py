"""More nodes and fewer, by hand and by load."""

import time
from collections.abc import Callable

import pytest

from helm.render import Values
from kube.beside import Observer, Viewers
from kube.live import Live
from kube.programs import get, until
from kube.releases import SMALL, Release, Space, merged

JOINED_WITHIN_S = 3.0
LEAST, MOST = 2, 4
UP_S, DOWN_S = 240.0, 300.0
VIEWERS = 200
FORGOTTEN_S = 150.0
AUTOSCALED: Values = merged(
    SMALL,
    {
        "demo": {"origin": {"enabled": True}},
        "nginx": {"enabled": False},  # it would hardly notice so few viewers
        "resources": {"requests": {"cpu": "120m"}},
        "autoscaling": {
            "enabled": True,
            "minReplicas": LEAST,
            "maxReplicas": MOST,
            "cpu": {"targetUtilization": 60},
            "scaleDownStabilizationSeconds": 10,
            "scaleDownPeriodSeconds": 15,
        },
    },
)


def test_nine_join_and_six_leave(live: Live, saw: Callable[[str], None]) -> None:
    began = time.time()
    live.scale(9)
    history = live.observer.history(began)
    names = live.names(9)
    ready_at = {one: min(sight.t for sight in history if sight.pod == one and sight.ready) for one in names}
    latest_s = 0.0
    for name in names[3:]:
        for other in names:
            held_at = min(sight.t for sight in history if sight.pod == other and name in sight.alive)
            latest_s = max(latest_s, held_at - max(ready_at[name], ready_at[other]))
    saw(
        f"each of six new ones was held alive by all nine {latest_s:.2f} s after both were ready, at the latest"
    )
    assert latest_s < JOINED_WITHIN_S
    live.scale(3)
    assert not live.observer.doubts(began)


def test_members_that_left_are_forgotten(space: Space, observed: Callable[[Release], Observer]) -> None:
    """Within minutes by default (`gossip.keep_s`), within this one's seconds here."""
    release = Release(space("forget"))
    release.install(merged(SMALL, {"replicas": 4, "config": {"gossip": {"keep_s": 10}}}))
    observer = observed(release)
    release.upgrade({"replicas": 2})
    names = [pod.name for pod in release.pods()]
    forgotten: Callable[[], bool] = lambda: all(  # noqa: E731
        sorted(sight.members) == names for sight in observer.sights().values()
    )
    until(forgotten, FORGOTTEN_S, f"nobody but {', '.join(names)} is listed")


@pytest.mark.usefixtures("metrics")
@pytest.mark.timeout(900)
def test_load_scales_up_and_down(
    space: Space,
    observed: Callable[[Release], Observer],
    saw: Callable[[str], None],
) -> None:
    release = Release(space("load"))
    release.install(AUTOSCALED)
    observer = observed(release)
    began = time.time()
    viewers = Viewers(release, VIEWERS)
    viewers.start()
    until(lambda: wanted(release) > LEAST, UP_S, "the autoscaler wants more pods")
    until(lambda: len(release.all_ready()) > LEAST, UP_S, "they are ready")
    up = time.time()
    viewers.stop()
    until(lambda: len(release.all_ready()) == LEAST == wanted(release), DOWN_S, "and they go again")
    saw(f"up after {up - began:.0f} s of load, down {time.time() - up:.0f} s after it ended")
    names = [pod.name for pod in release.pods()]
    until(lambda: observer.agreed(names), 30, "those who stay are of one mind")
    assert not observer.doubts(began)


def wanted(release: Release) -> int:
    """How many pods the autoscaler wants."""
    (one,) = get("horizontalpodautoscaler", "-n", release.namespace)
    return int(one["status"].get("desiredReplicas", 0))
