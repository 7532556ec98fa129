"""Pods that die and come back."""

import time
from collections.abc import Callable

from kube.beside import Viewers
from kube.live import Live
from kube.programs import apply, get, kubectl, until

UNNAMED_AFTER_S = 1.5  # a dead pod is not named to viewers any more
BACK_S = 30.0
SLOW_S = 10.0
VIEWERS = 20


def test_a_killed_pod_is_one_record(
    live: Live, viewers: Callable[[int], Viewers], saw: Callable[[str], None]
) -> None:
    viewers(VIEWERS)
    victim = live.release.pods()[1]
    began = time.time()
    kubectl("delete", "pod", victim.name, "-n", live.release.namespace, "--grace-period=0", "--force")
    until(lambda: live.is_back(victim), BACK_S, f"{victim.name} is back")
    live.agree()
    died_at = live.observer.last_answer(victim.ip, began)
    assert died_at, f"{victim.ip} was not seen to die"
    late_s = live.observer.named(began).get(f"{victim.ip}:7780", 0.0) - died_at
    saw(f"last named {late_s:.2f} s after it answered last, back after {time.time() - began:.0f} s")
    assert late_s < UNNAMED_AFTER_S
    new = live.release.pod(victim.name)
    assert new
    assert new.ip != victim.ip
    for sight in live.observer.sights().values():
        assert sight.members[victim.name][1] == f"{new.ip}:7700"
        assert f"{victim.ip}:7700" not in [gossip for _, gossip, _ in sight.members.values()]
    assert not [doubt for doubt in live.observer.doubts(began) if doubt.about != victim.name]


def test_pod_0_joins_and_never_founds(live: Live) -> None:
    """Slow to return, since a quota forbids another pod; meanwhile the others are told something."""
    namespace, first = live.release.namespace, live.release.pods()[0]
    leaving: Callable[[], bool] = lambda: any(  # noqa: E731
        "deletionTimestamp" in one["metadata"] for one in get("pods", "-n", namespace)
    )
    until(lambda: not leaving(), BACK_S, "nobody leaves, whose room would be free")
    began = time.time()
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "full", "namespace": namespace},
    }
    apply(quota | {"spec": {"hard": {"pods": str(len(get("pods", "-n", namespace)) - 1)}}})
    try:
        until(
            lambda: "used" in get("resourcequota", "-n", namespace)[0].get("status", {}),
            30,
            "the quota counts",
        )
        kubectl("delete", "pod", first.name, "-n", namespace)
        made = live.release.edge("edge-1", "event", "e2e.told", "while pod 0 was away")
        time.sleep(SLOW_S)
        assert live.release.pod(first.name) is None, "it was not slow to return, so nothing was shown"
    finally:
        kubectl("delete", "resourcequota", "full", "-n", namespace)
    until(lambda: live.is_back(first), 2 * BACK_S, f"{first.name} is back")
    live.agree()
    fresh = [
        sight for sight in live.observer.history(began) if sight.pod == first.name and sight.at != first.ip
    ]
    assert all(sight.alive == live.names(3) for sight in fresh if sight.ready), "ready before it had joined"
    assert made["key"] in [one["key"] for one in live.release.edge(first.name, "events")["events"]]
    assert not live.observer.doubts(began)


def test_all_deleted_at_once_form_one_cluster(live: Live) -> None:
    before = {pod.uid for pod in live.release.pods()}
    kubectl("delete", "pods", "-n", live.release.namespace, "-l", live.release.selector, "--wait=false")
    gone: Callable[[], bool] = lambda: not before & {pod.uid for pod in live.release.pods()}  # noqa: E731
    until(gone, BACK_S, "all pods gone")
    until(live.release.all_ready, 2 * BACK_S, "all pods back")
    live.agree()
    held = [
        {name: sight.members[name] for name in live.names(3)} for sight in live.observer.sights().values()
    ]
    assert held == [held[0]] * 3, "the same three processes"
