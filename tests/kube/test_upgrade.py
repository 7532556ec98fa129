"""Upgrades: the key, a rolling restart under viewers, and what a release leaves behind."""

import time
from collections.abc import Callable
from pathlib import Path

import yaml

from helm.render import CHART, Values
from kube.beside import Viewers
from kube.live import Live
from kube.programs import helm, kubectl, until
from kube.releases import SMALL, Release, Space, merged

VIEWERS = 100
RESTART_S = 300.0
# Objects that come and go by themselves, or are no objects.
PASSING = (
    "events",
    "events.events.k8s.io",
    "pods.metrics.k8s.io",
    "endpointslices.discovery.k8s.io",
    "endpoints",
)
# One that makes objects of the whole cluster too.
VALUES: Values = merged(SMALL, {"replicas": 2, "discovery": {"kubernetes": {"nodeLabels": True}}})


def test_the_key_stays(live: Live) -> None:
    assert live.key_before == live.key_after
    assert not live.uids_before & live.uids_after, "the upgrade restarted nothing, so nothing was shown"


def test_a_rolling_restart_fails_no_request(
    live: Live, viewers: Callable[[int], Viewers], saw: Callable[[str], None]
) -> None:
    live.scale(6)
    many = viewers(VIEWERS)
    uids = {pod.uid for pod in live.release.pods()}
    began, before = time.time(), many.totals()
    live.release.upgrade({"podAnnotations": {"e2e.example.com/restarted": "yes"}, "minReadySeconds": None})
    live.agree(6)
    played = many.totals().since(before)
    assert not uids & {pod.uid for pod in live.release.pods()}
    took_s = time.time() - began
    saw(f"restart of 6 in {took_s:.0f} s: {played}")
    assert played.watching == VIEWERS
    assert played.segments > VIEWERS * took_s / 4, "at the least a segment every four seconds"
    assert not played.failures
    assert not live.observer.doubts(began)


def test_nothing_is_left_but_what_says_keep(space: Space, tmp_path: Path) -> None:
    release = Release(space("cycle"))
    empty = objects(release)
    release.install(VALUES, chart=earlier(tmp_path))
    key = release.secret("edge-keys")
    release.upgrade({"config": {"log": {"level": "debug"}}})
    assert release.secret("edge-keys") == key
    release.helm("rollback", "1", "--wait", "--timeout", "120s")
    release.rolled_out()
    assert release.secret("edge-keys") == key
    until(
        lambda: release.alive("edge-0") == release.alive("edge-1") == ["edge-0", "edge-1"], 30, "one cluster"
    )
    release.uninstall()
    kept = empty | {"secret/edge-keys"}
    until(lambda: objects(release) == kept, 60, f"just {', '.join(kept)} are left")
    release.install(VALUES)
    assert release.secret("edge-keys") == key, "the next release takes up the key that was kept"
    release.uninstall()


def earlier(place: Path) -> Path:
    """A package of the chart as of an earlier version. There is none that was published: this one's files stand in."""
    version = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["version"]
    assert version == "0.1.0", "a version was published since: take its package"
    helm("package", str(CHART), "--version", "0.0.1", "-d", str(place))
    return place / "edge-0.0.1.tgz"


def objects(release: Release) -> set[str]:
    """Names of all objects in the release's namespace, and of its own in the whole cluster."""
    listed = kubectl("api-resources", "--verbs=list", "--namespaced", "-o", "name").split()
    kinds = ",".join(one for one in listed if one not in PASSING)
    inside = kubectl("get", kinds, "-n", release.namespace, "-o", "name", "--ignore-not-found")
    mine = f"app.kubernetes.io/instance={release.name}"
    whole = kubectl("get", "clusterroles,clusterrolebindings", "-l", mine, "-o", "name")
    return {*inside.split(), *(one for one in whole.split() if f"/{release.namespace}-" in one)}
