"""Faults of machines, networks and the control plane, by the program that E2E_FAULTS names.

It is called as `PROGRAM stop|start NODE`, `cut ZONE`, `loss ZONE PERCENT`, `heal` (of cuts and losses) and
`pause|resume COMPONENT`. NODE is the number at the end of the machine's name.
"""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from kube.programs import get, kubectl, run, until
from kube.releases import Pod, Release

ACT_S = 120.0
BACK_S = 120.0


class Faults:
    """What can be done to the cluster under test.

    Args:
        program: the command line.
    """

    def __init__(self, program: str) -> None:
        self._program = shlex.split(program)

    def _do(self, *words: str) -> None:
        run(*self._program, *words, within_s=ACT_S)

    @contextmanager
    def stopped(self, node: str) -> Iterator[None]:
        """A machine and all of its pods are dead; afterwards it is Ready again."""
        number = node.rpartition("-")[2]
        self._do("stop", number)
        try:
            yield
        finally:
            self._do("start", number)
            kubectl(
                "wait", "--for=condition=Ready", f"node/{node}", f"--timeout={BACK_S:.0f}s", within_s=BACK_S
            )

    @contextmanager
    def cut(self, zone: str) -> Iterator[None]:
        """Nothing passes between the pods of a zone and those of the others."""
        with self._healed("cut", zone):
            yield

    @contextmanager
    def loss(self, zone: str, percent: int) -> Iterator[None]:
        """So many of a hundred datagrams between the pods of a zone and those of the others are lost, each way."""
        with self._healed("loss", zone, str(percent)):
            yield

    @contextmanager
    def _healed(self, *words: str) -> Iterator[None]:
        self._do(*words)
        try:
            yield
        finally:
            self._do("heal")

    @contextmanager
    def paused(self, component: str) -> Iterator[None]:
        """A part of the control plane stands still."""
        self._do("pause", component)
        try:
            yield
        finally:
            self._do("resume", component)
            until(lambda: get("nodes"), BACK_S, "the API server answers again")


def spare(release: Release) -> Pod:
    """A node of the release on a machine that may fail: without origin, observer, viewers and cluster DNS."""
    needed = [
        *get("pods", "-n", release.namespace, "-l", "app.kubernetes.io/component!=node"),
        *get("pods", "-n", "kube-system", "-l", "k8s-app=kube-dns"),
    ]
    busy = {one["spec"].get("nodeName") for one in needed}
    machines = [pod for pod in release.pods() if pod.node not in busy]
    assert machines, f"no machine with a node of {release.name} but without {sorted(busy)}"
    return machines[0]
