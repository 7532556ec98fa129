"""Pods that the tests put beside a release: an observer, and viewers."""

import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from kube.programs import Object, apply, get, kubectl, until
from kube.releases import Release

INSIDE = Path(__file__).with_name("inside")
REPEATED_S = 2.0  # every node's view is told again after this; viewers' totals too
FRESH_S = 5.0  # what was told longer ago is not how things are now
START_S = 90.0


def beside(release: Release, name: str, component: str, container: Object) -> Object:
    """A pod of the release's image, on the machine of the origin if there is one: faults spare that machine."""
    (workload,) = get("statefulset", "-n", release.namespace, "-l", release.selector)
    image = workload["spec"]["template"]["spec"]["containers"][0]["image"]
    own = {"app.kubernetes.io/name": "edge", "app.kubernetes.io/instance": release.name}
    spec: Object = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 65532,
            "fsGroup": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [
            {
                "name": name,
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}},
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                },
                **container,
            }
        ],
    }
    origin = {"matchLabels": own | {"app.kubernetes.io/component": "origin"}}
    if release.values.get("demo", {}).get("origin", {}).get("enabled"):
        term = {"labelSelector": origin, "topologyKey": "kubernetes.io/hostname"}
        spec["affinity"] = {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}
    labels = own | {"app.kubernetes.io/component": component}
    metadata = {"name": name, "namespace": release.namespace, "labels": labels}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def told(release: Release, pod: str, since: float) -> list[tuple[float, Object]]:
    """The JSON lines that a pod said from `since` on (seconds since 1970), with the time of each."""
    when = datetime.fromtimestamp(max(0.0, since), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    lines = kubectl("logs", pod, "-n", release.namespace, "--timestamps", f"--since-time={when}").splitlines()
    found = []
    for stamp, _, text in (line.partition(" ") for line in lines):
        if text.startswith("{"):
            found.append((datetime.fromisoformat(stamp).timestamp(), json.loads(text)))
    return [(at, line) for at, line in found if at >= since]


@dataclass(frozen=True)
class Sight:
    """What one pod held at one time."""

    t: float
    pod: str
    at: str  # the pod's address
    ready: bool
    members: dict[str, tuple[str, str, int]]  # status, gossip address and incarnation by name

    @property
    def alive(self) -> list[str]:
        """Names of those whom it held alive."""
        return sorted(name for name, (status, *_) in self.members.items() if status == "alive")


@dataclass(frozen=True)
class Doubt:
    """A pod heard that a node is suspect or unreachable."""

    when: float
    pod: str
    about: str
    text: str


class Observer:
    """Watches a release from inside the cluster (`inside/observe.py`)."""

    def __init__(self, release: Release) -> None:
        self._release = release

    def start(self) -> None:
        """Put the pod there and wait until it sees every node."""
        release = self._release
        files = {path.name: path.read_text("utf-8") for path in INSIDE.glob("*.py")}
        metadata = {"name": "observer", "namespace": release.namespace}
        scripts = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": files}
        settings = {
            "OBSERVE_HEADLESS": f"{release.fullname}-headless",
            "OBSERVE_ADMIN_PORT": "7701",
            "OBSERVE_TOKEN_FILE": "/admin/token",
        }
        container = {
            "command": ["python3", "/inside/observe.py"],
            "env": [{"name": name, "value": value} for name, value in settings.items()],
            "volumeMounts": [
                {"name": "inside", "mountPath": "/inside", "readOnly": True},
                {"name": "admin", "mountPath": "/admin", "readOnly": True},
            ],
        }
        pod = beside(release, "observer", "test", container)
        pod["spec"]["volumes"] = [
            {"name": "inside", "configMap": {"name": "observer"}},
            {"name": "admin", "secret": {"secretName": f"{release.fullname}-admin", "defaultMode": 0o440}},
        ]
        apply(scripts, pod)
        names = [one.name for one in release.pods()]
        until(lambda: sorted(self.sights()) == names, START_S, f"the observer sees {', '.join(names)}")

    def said(self, kind: str, since: float) -> list[Object]:
        """Its lines of a kind, from `since` on."""
        lines = told(self._release, "observer", since - 1)
        return [line for _, line in lines if line["kind"] == kind and line["t"] >= since]

    def history(self, since: float) -> list[Sight]:
        """What was seen from `since` on, in order."""
        return [
            Sight(
                line["t"],
                line["pod"],
                line["at"],
                line["ready"],
                {name: (held[0], held[1], held[2]) for name, held in line["members"].items()},
            )
            for line in self.said("sees", since)
        ]

    def sights(self) -> dict[str, Sight]:
        """What each pod holds now, by its name."""
        return {sight.pod: sight for sight in self.history(time.time() - FRESH_S)}

    def agreed(self, names: list[str]) -> bool:
        """Whether just these pods answer, all are ready, and each holds just these alive and nobody suspect."""
        sights = self.sights()
        return sorted(sights) == sorted(names) and all(
            one.ready and one.alive == sorted(names) and not one_is(one, "suspect") for one in sights.values()
        )

    def doubts(self, since: float) -> list["Doubt"]:
        """Every suspicion and death that any pod heard of since then."""
        return [
            Doubt(line["when"], line["pod"], line["about"], line["text"])
            for line in self.said("event", since)
            if line["what"] in ("suspect", "unreachable") and line["when"] >= since
        ]

    def named(self, since: float) -> dict[str, float]:
        """To whom the pods sent viewers since then: public address, and when the last one went there."""
        last: dict[str, float] = {}
        for line in self.said("routed", since):
            for where, at in line["to"].items():
                last[where] = max(at, last.get(where, 0.0))
        return last

    def last_answer(self, address: str, since: float) -> float:
        """When a pod that is gone answered last, seconds since 1970; 0 if it was not seen to go."""
        return max([line["last"] for line in self.said("gone", since) if line["at"] == address], default=0.0)

    def fetch(self, *urls: str) -> list[Object]:
        """What comes from each URL, asked from inside the cluster; redirects are not followed."""
        words = ["exec", "observer", "-n", self._release.namespace, "--", "python3", "/inside/fetch.py"]
        found: list[Object] = json.loads(kubectl(*words, *urls))
        return found


def one_is(sight: Sight, status: str) -> list[str]:
    """Names of those who have a status."""
    return [name for name, (held, *_) in sight.members.items() if held == status]


@dataclass(frozen=True)
class Totals:
    """What all viewers of a pod did until some time."""

    watching: int = 0
    requests: int = 0
    segments: int = 0
    stalls: int = 0
    skipped: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    def since(self, before: "Totals") -> "Totals":
        """What they did after that."""
        return Totals(
            self.watching,
            self.requests - before.requests,
            self.segments - before.segments,
            self.stalls - before.stalls,
            self.skipped - before.skipped,
            self.failures - before.failures,
        )


class Viewers:
    """Real viewers (`edge demo-viewers`): they follow playlists and fetch every segment.

    They ask the client Service where to go; those of a zone are in it, and ask its nodes.
    """

    def __init__(self, release: Release, count: int, zone: str = "") -> None:
        self._release = release
        self._count = count
        self._zone = zone
        self.pod = f"viewers-{zone}" if zone else "viewers"

    def start(self) -> None:
        """Put the pod there and wait until all of them watch."""
        asked = [f"--node={zone}={url}" for zone, url in self._asked()]
        command = ["edge", "demo-viewers", f"--viewers={self._count}", *asked, "--arrive-s=5"]
        pod = beside(self._release, self.pod, "viewers", {"command": command})
        if self._zone:
            pod["spec"].pop("affinity", None)
            pod["spec"]["nodeSelector"] = {"topology.kubernetes.io/zone": self._zone}
        apply(pod)
        until(self._all_play, START_S, f"{self._count} viewers play")

    def _asked(self) -> list[tuple[str, str]]:
        """Zone and address of those who tell them where to go."""
        if not self._zone:
            return [("any", f"http://{self._release.fullname}:80")]
        mine = [pod for pod in self._release.pods() if self._release.zone(pod) == self._zone]
        return [(self._zone, f"http://{pod.ip}:7780") for pod in mine]

    def fetch(self, *urls: str) -> list[Object]:
        """What comes from each URL where they are; redirects are not followed."""
        words = ["exec", "-i", self.pod, "-n", self._release.namespace, "--", "python3", "-"]
        found: list[Object] = json.loads(
            kubectl(*words, *urls, stdin=(INSIDE / "fetch.py").read_text("utf-8"))
        )
        return found

    def _all_play(self) -> bool:
        now = self.totals()
        return now.watching == self._count and now.segments >= 2 * self._count

    def totals(self, at: float | None = None) -> Totals:
        """What they did until `at` (seconds since 1970), or until now, as they say every two seconds."""
        lines = told(self._release, self.pod, (at or time.time()) - 5 * REPEATED_S)
        before = [line for when, line in lines if at is None or when <= at]
        return _totals(before[-1]) if before else Totals()

    def stop(self) -> None:
        """Take the pod away."""
        kubectl("delete", "pod", self.pod, "-n", self._release.namespace, "--ignore-not-found")


class Audience(Protocol):
    """Puts viewers there, anywhere or in one zone, for one test."""

    def __call__(self, count: int, zone: str = "") -> Viewers: ...


def _totals(line: dict[str, Any]) -> Totals:
    counts = {name: line[name] for name in ("watching", "requests", "segments", "stalls", "skipped")}
    return Totals(**counts, failures=Counter(line["failures"]))
