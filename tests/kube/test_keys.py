"""The keys of the gossip rotate by the chart's Secret, and no pod restarts."""

import base64
import json
import secrets
import time
from collections.abc import Callable

from edge.wire.keys import KEY_BYTES, key_id
from kube.live import Live
from kube.programs import Object, kubectl, until
from kube.releases import Release

SECRET = "edge-keys"
BROUGHT_S = 180.0  # the kubelet brings a changed Secret within its sync period and its cache's


def give(release: Release, *keys: str) -> None:
    """Change the Secret, as docs and the chart's README say."""
    patch = json.dumps({"stringData": {"keys": "".join(f"{key}\n" for key in keys)}})
    kubectl("patch", "secret", SECRET, "-n", release.namespace, "-p", patch)


def rings(live: Live) -> list[list[Object]]:
    """The keys as each pod tells of them."""
    return [live.release.edge(pod, "keys", "list")["keys"] for pod in live.names(3)]


def test_a_secret_that_changes_rotates_the_keys_without_a_restart(
    live: Live, saw: Callable[[str], None]
) -> None:
    release, names = live.release, live.names(3)
    uids, restarts = {pod.uid for pod in release.pods()}, [release.restarts(name) for name in names]
    old = base64.b64decode(release.secret(SECRET)["keys"]).decode().split()
    new = secrets.token_bytes(KEY_BYTES)
    fresh, ring = f"{key_id(new):02x}", base64.b64encode(new).decode()
    began, wall = time.monotonic(), time.time()

    def seals() -> bool:
        first = [one[0] for one in rings(live)]
        return all(one["id"] == fresh and sorted(one["seals"]) == names for one in first)

    give(release, ring, *old)
    until(seals, BROUGHT_S, "all seal with the new key")
    sealed_s = time.monotonic() - began
    give(release, ring)
    until(
        lambda: all([one["id"] for one in each] == [fresh] for each in rings(live)),
        BROUGHT_S,
        "the old key is gone",
    )
    saw(f"a new key seals after {sealed_s:.0f} s, the old one is gone after {time.monotonic() - began:.0f} s")
    live.agree(3)
    assert {pod.uid for pod in release.pods()} == uids
    assert [release.restarts(name) for name in names] == restarts
    assert not live.observer.doubts(wall)
