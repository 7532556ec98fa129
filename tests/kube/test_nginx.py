"""nginx in front of every node, as the chart starts it."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from certificates import Authority
from kube.beside import Viewers
from kube.live import Live
from kube.programs import apply, kubectl, until
from kube.releases import SMALL, Release, Space, merged
from kube.test_advertise import URI

VIEWERS = 60
PLAY_S = 12.0
BACK_S = 45.0
RENEWED_S = 180.0  # the kubelet brings a changed Secret within a minute and a half
LIST = "ls /var/cache/edge/nginx/cache"
HITS = 'edge_nginx_served_total{reason="HIT"}'
# Of the certificate that the public port shows.
_SHOWN = """
import ssl
print(ssl.get_server_certificate(("localhost", 7780)))
"""


def in_nginx(release: Release, pod: str, script: str) -> str:
    """What a shell in nginx's container prints."""
    return kubectl("exec", pod, "-n", release.namespace, "-c", "nginx", "--", "/bin/sh", "-c", script)


def test_a_rolling_update_fails_no_request(
    live: Live, viewers: Callable[[int], Viewers], saw: Callable[[str], None]
) -> None:
    many = viewers(VIEWERS)
    uids = {pod.uid for pod in live.release.pods()}
    began, before = time.time(), many.totals()
    live.release.upgrade({"config": {"nginx": {"workers": 1}}, "minReadySeconds": None})
    live.agree()
    played = many.totals().since(before)
    assert not uids & {pod.uid for pod in live.release.pods()}
    hits = sum(live.release.metric(pod.name, HITS) for pod in live.release.pods())
    took_s = time.time() - began
    saw(f"update of 3 in {took_s:.0f} s: {played}; {hits:.0f} hits of nginx since")
    assert played.segments > VIEWERS * took_s / 4, "at the least a segment every four seconds"
    assert hits > VIEWERS
    assert not played.failures


def test_a_purge_is_acknowledged_by_all_and_empties_nginx(
    live: Live, viewers: Callable[[int], Viewers], saw: Callable[[str], None]
) -> None:
    many = viewers(VIEWERS)
    names, before = live.names(3), many.totals()
    # So few viewers of one stream meet where its hash says, which need not be everywhere.
    holders = until(
        lambda: [name for name in names if live.release.metric(name, HITS) > VIEWERS], BACK_S, "hits of nginx"
    )
    count = "edge_nginx_purged_files_total"
    purged = [live.release.metric(name, count) for name in holders]
    made = live.release.edge("edge-0", "purge", "--prefix", "/live/", "--wait", "10")
    assert sorted(made["reached"]) == names
    removed = [live.release.metric(name, count) - was for name, was in zip(holders, purged, strict=True)]
    saw(f"purge acknowledged by {len(names)}, {removed} files removed")
    assert all(one > 0 for one in removed)
    time.sleep(PLAY_S)
    assert not many.totals().since(before).failures


def test_a_nginx_killed_alone_recovers(
    live: Live, viewers: Callable[[int], Viewers], saw: Callable[[str], None]
) -> None:
    many = viewers(VIEWERS)
    victim = busiest(live)
    had, began, before = live.release.restarts(victim), time.time(), many.totals()
    cached = in_nginx(live.release, victim, LIST).split()
    # Later, for the shell that is asked to do it does not outlive the container.
    in_nginx(
        live.release, victim, "(sleep 1; kill -KILL $(cat /var/cache/edge/nginx/nginx.pid)) >/dev/null 2>&1 &"
    )
    wanted = had | {"nginx": had["nginx"] + 1}
    until(lambda: live.release.restarts(victim) == wanted, BACK_S, f"restarts are {wanted}")
    until(lambda: live.release.metric(victim, "edge_nginx_up") == 1, BACK_S, "nginx answers")
    live.agree()
    back_s = time.time() - began
    assert cached
    assert set(cached) <= set(in_nginx(live.release, victim, LIST).split()), "it keeps what it had"
    assert hits(live, victim) == [True, True], "the node fills, nginx serves"
    lost, before = many.totals().since(before).failures, many.totals()
    time.sleep(PLAY_S)
    played = many.totals().since(before)
    saw(
        f"{victim} whole after {back_s:.0f} s; failures meanwhile: {dict(lost)}, then: {dict(played.failures)}"
    )
    assert not played.failures
    assert played.segments > VIEWERS * PLAY_S / 4
    assert not live.observer.doubts(began)


def busiest(live: Live) -> str:
    """The node whose nginx serves most of the viewers at the moment."""
    names = live.names(3)
    was = {name: live.release.metric(name, HITS) for name in names}
    time.sleep(PLAY_S / 2)
    gained = {name: live.release.metric(name, HITS) - was[name] for name in names}
    assert max(gained.values()) > 0, gained
    return max(names, key=lambda name: gained[name])


def hits(live: Live, name: str) -> list[bool]:
    """Whether the newest segments of two tracks, asked of one node for the second time, are hits of its nginx."""
    pod = live.release.pod(name)
    assert pod
    base = f"http://{pod.ip}:7780/live/"
    (main,) = live.observer.fetch(f"{base}main.m3u8")
    tracks = [f"{base}{''.join(found)}" for found in URI.findall(main["text"])][:2]
    playlists = live.observer.fetch(*tracks)
    newest = [
        f"{track.rpartition('/')[0]}/{''.join(URI.findall(one['text'])[-1])}"
        for track, one in zip(tracks, playlists, strict=True)
    ]
    live.observer.fetch(*newest)
    asked = [one["headers"]["cache-status"] for one in live.observer.fetch(*newest)]
    return [one.startswith(f'"{name}"; hit') for one in asked]


@pytest.mark.timeout(600)
def test_a_renewed_certificate_is_served_and_nothing_restarts(
    space: Space, tmp_path: Path, saw: Callable[[str], None]
) -> None:
    release, authority = Release(space("tls")), Authority(tmp_path)

    def sign() -> bytes:
        cert, key = authority.sign("web", "edge.example.com")
        data = {"tls.crt": cert.read_bytes(), "tls.key": key.read_bytes()}
        metadata = {"name": "web", "namespace": release.namespace}
        given = {name: base64.b64encode(text).decode() for name, text in data.items()}
        apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "type": "kubernetes.io/tls",
                "metadata": metadata,
                "data": given,
            }
        )
        return data["tls.crt"].strip()

    def shown() -> bytes:
        words = ["exec", "edge-0", "-n", release.namespace, "-c", "edge", "--", "python3", "-c", _SHOWN]
        return kubectl(*words).strip().encode()

    first = sign()
    tls = {"secretName": "web", "peerName": "edge.example.com"}
    release.install(merged(SMALL, {"replicas": 1, "public": {"tls": tls}}))
    assert shown() == first
    second, began = sign(), time.time()
    until(lambda: shown() == second, RENEWED_S, "the renewed certificate")
    saw(f"a renewed certificate was served after {time.time() - began:.0f} s")
    assert set(release.restarts("edge-0").values()) == {0}
    told = release.helm("test", "--timeout", "180s")
    assert told.count("Phase:          Succeeded") == 3, told
