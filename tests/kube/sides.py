"""The two sides of a fault between zones: what the nodes show, log and write to Kubernetes about it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from kube.beside import told
from kube.programs import Object, get, until
from kube.releases import Pod, Release


@dataclass(frozen=True)
class Sides:
    """The nodes of one zone, and all others."""

    release: Release
    zone: str
    inside: list[Pod]
    outside: list[Pod]

    @classmethod
    def of(cls, release: Release, zone: str) -> "Sides":
        """As the nodes are placed now."""
        pods = release.pods()
        inside = [pod for pod in pods if release.zone(pod) == zone]
        return cls(release, zone, inside, [pod for pod in pods if pod not in inside])

    @property
    def all(self) -> list[Pod]:
        """Every node."""
        return self.inside + self.outside

    def wait(self, look: Callable[[Pod], object], among: Iterable[Pod], within_s: float, what: str) -> None:
        """Wait until that is true of each of these."""
        for pod in among:
            until(partial(look, pod), within_s, f"{pod.name} {what}")

    def shows_cut(self, pod: Pod) -> bool:
        """Whether a node shows just its own side as its island, just the other as lost, and which is the larger."""
        held = self.partition(pod)
        here, there = (self.inside, self.outside) if pod in self.inside else (self.outside, self.inside)
        shown = held and (held["settled"], held["majority"], held["island"], held["lost"])
        return bool(shown == (True, len(here) > len(there), names(here), names(there)))

    def shows_none(self, pod: Pod) -> bool:
        """Whether a node shows no cut."""
        return self.partition(pod) is None

    def partition(self, pod: Pod) -> Any:
        """The cut as `edge view` on a node shows it."""
        return self.release.edge(pod.name, "view")["partition"]

    def stands(self, pod: Pod) -> tuple[str, int]:
        """Mode and level, as `edge monsoon status` on a node says."""
        status = self.release.edge(pod.name, "monsoon", "status")
        return status["mode"], status["level"]

    def is_clear(self, pod: Pod) -> bool:
        """Whether nothing is wrong for a node."""
        return self.stands(pod) == ("clear", 0)

    def loss(self, pod: Pod) -> float:
        """The share of a node's probes that get no answer, as it says."""
        signals = self.release.edge(pod.name, "monsoon", "status")["signals"]
        return 1 - float(signals["quality"])

    def passed(self, pod: Pod, since: float) -> list[Object]:
        """The changes of a node's mode or level from then on, in order."""
        status = self.release.edge(pod.name, "monsoon", "status")
        return [one for one in status["transitions"] if one["time"] >= since]

    def logged(self, kind: str, since: float, by: Iterable[Pod]) -> dict[str, list[float]]:
        """When each of these nodes logged events of a kind from then on, seconds since 1970."""
        return {
            pod.name: [at for at, line in told(self.release, pod.name, since) if line.get("kind") == kind]
            for pod in by
        }

    def described(self, pod: Pod, since: float) -> list[tuple[str, str]]:
        """Type and reason of the Events on a pod about its mode, oldest first: those that `kubectl describe` shows."""
        about = f"involvedObject.kind=Pod,involvedObject.uid={pod.uid}"
        found = get("events", "-n", self.release.namespace, "--field-selector", about)
        mine = [one for one in found if one["reason"].startswith("Monsoon") and when(one) >= int(since)]
        return [(one["type"], one["reason"]) for one in sorted(mine, key=when)]


def when(event: Object) -> float:
    """An Event's time, to a whole second, since 1970."""
    return datetime.fromisoformat(event["firstTimestamp"]).timestamp()


def names(pods: Iterable[Pod]) -> list[str]:
    """In order."""
    return sorted(pod.name for pod in pods)
