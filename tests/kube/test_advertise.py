"""How a viewer reaches the one pod that a routing answer names, followed to its end from inside the cluster."""

import re
from collections.abc import Callable
from typing import NamedTuple

import pytest

from helm.render import Values
from kube.beside import Observer
from kube.programs import Object, until
from kube.releases import SMALL, Pod, Release, Space, merged

STREAM: Values = {"demo": {"origin": {"enabled": True}}, "replicas": 2}
URI = re.compile(r'^([^#\s]+)$|URI="([^"]+)"', re.MULTILINE)


class Mode(NamedTuple):
    """A way to reach a pod."""

    public: Values
    url: str  # of a pod, as the answer must name it
    level: str = "restricted"  # the least Pod Security level that allows it
    pods: int = 2  # of which each is asked for what it was named for


MODES = {
    "podIP": Mode({"advertise": "podIP"}, "http://{pod.ip}:7780/"),
    "template of names": Mode(
        {
            "advertise": "template",
            "template": "http://{pod}.{namespace}.svc.cluster.local",
            "podService": {"type": "ClusterIP"},
        },
        "http://{pod.name}.{namespace}.svc.cluster.local/",
    ),
    "template of node ports": Mode(
        {
            "advertise": "template",
            "template": "http://{hostIP}:3187{ordinal}",
            "podService": {
                "type": "NodePort",
                "nodePortBase": 31870,
                "externalTrafficPolicy": "Cluster",
                "externalDns": False,
            },
        },
        "http://{pod.host_ip}:3187{pod.ordinal}/",
    ),
    # One pod answers for itself: where all machines of a cluster share one network, a host port of one is one of all.
    "hostPort": Mode(
        {"advertise": "hostPort", "hostPort": {"port": 31880}},
        "http://{pod.host_ip}:31880/",
        level="privileged",
        pods=1,
    ),
}


class Followed(NamedTuple):
    """A routing answer, and what came from the address that it gave."""

    named: str
    location: str
    answer: Object


@pytest.mark.parametrize("mode", MODES)
def test_the_named_pod_answers(mode: str, space: Space, observed: Callable[[Release], Observer]) -> None:
    way = MODES[mode]
    release = Release(space("reach", way.level))
    release.install(merged(SMALL, {**STREAM, "public": way.public}))
    observer = observed(release)
    followed = follow(release, observer)
    pods = {pod.name: pod for pod in release.pods()}
    assert {one.named for one in followed} == set(pods)
    for one in followed:
        assert one.location.startswith(url_of(pods[one.named], way, release))
    if way.pods == 1:
        release.upgrade({"replicas": 1})
        followed = follow(release, observer)
    assert {one.answer["status"] for one in followed} == {200}, followed
    assert [served_by(one.answer) for one in followed] == [one.named for one in followed]


def url_of(pod: Pod, way: Mode, release: Release) -> str:
    """Where a viewer must be sent to reach this pod."""
    return way.url.format(pod=pod, namespace=release.namespace)


def follow(release: Release, observer: Observer) -> list[Followed]:
    """Ask the client Service for each playlist of the stream, and go where the answers lead."""
    service = f"http://{release.fullname}:80"
    main = until(lambda: playlist_at(f"{service}/live/main.m3u8", observer), 20, "a playlist")
    paths = ["/live/main.m3u8", *(f"/live/{''.join(found)}" for found in URI.findall(main))]
    routed = observer.fetch(*(f"{service}/v1/route?path={path}" for path in paths))
    assert {one["status"] for one in routed} == {302}, routed
    named = [one["headers"]["edge-route"].partition(";")[0] for one in routed]
    locations = [one["headers"]["location"] for one in routed]
    return [Followed(*one) for one in zip(named, locations, observer.fetch(*locations), strict=True)]


def playlist_at(url: str, observer: Observer) -> str:
    """A playlist, once the stream is there."""
    (found,) = observer.fetch(url)
    return str(found["text"]) if found["status"] == 200 else ""


def served_by(answer: Object) -> str:
    """The node that says so in Cache-Status (RFC 9211)."""
    return str(answer["headers"]["cache-status"]).partition(";")[0].strip('"')
