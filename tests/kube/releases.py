"""Releases of the chart, installed with the real `helm`, and their pods."""

import json
import os
import secrets
import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import yaml

from helm.render import CHART, Values
from kube.programs import Object, get, helm, kubectl, until

READY_S = 180.0  # for a change of a release to be complete, on a slow machine too
# Little time and few resources, for releases that are there for one test.
SMALL: Values = {
    "minReadySeconds": 0,
    "config": {"node": {"drain_s": 1}},
    "resources": {"requests": {"cpu": "50m", "memory": "128Mi"}},
}
_METRICS = """
import urllib.request
print(urllib.request.urlopen("http://localhost:7701/metrics", timeout=5).read().decode())
"""


@dataclass(frozen=True)
class Pod:
    """A pod, as the API server tells of it."""

    name: str
    uid: str
    ip: str
    host_ip: str
    node: str
    ready: bool
    ready_at: float  # seconds since 1970, whole; 0: not ready
    restarts: int

    @property
    def ordinal(self) -> int:
        """Its number in the StatefulSet."""
        return int(self.name.rpartition("-")[2])


def pod_of(one: Object) -> Pod:
    """What counts of a Pod object."""
    spec, status = one["spec"], one["status"]
    (ready,) = [each for each in status.get("conditions", []) if each["type"] == "Ready"] or [{}]
    is_ready = ready.get("status") == "True" and "deletionTimestamp" not in one["metadata"]
    return Pod(
        name=one["metadata"]["name"],
        uid=one["metadata"]["uid"],
        ip=status.get("podIP", ""),
        host_ip=status.get("hostIP", ""),
        node=spec.get("nodeName", ""),
        ready=is_ready,
        ready_at=datetime.fromisoformat(ready["lastTransitionTime"]).timestamp() if is_ready else 0.0,
        restarts=sum(each["restartCount"] for each in status.get("containerStatuses", [])),
    )


def reachable(values: Values) -> Values:
    """The same with nginx's image as E2E_NGINX_IMAGE names it, if it does."""
    if not (name := os.environ.get("E2E_NGINX_IMAGE", "")):
        return values
    rest, _, tag = name.rpartition(":")
    registry, _, repository = rest.partition("/")
    image = {"registry": registry, "repository": repository, "tag": tag}
    return merged({"nginx": {"image": image}}, values)


def merged(values: Values, more: Values) -> Values:
    """`values` with those of `more` in place of its own; null takes one away."""
    made = dict(values)
    for key, value in more.items():
        held = made.get(key)
        made[key] = merged(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return made


@dataclass
class Release:
    """One release of the chart."""

    namespace: str
    name: str = "edge"
    values: Values = field(default_factory=dict)

    @property
    def fullname(self) -> str:
        """Of its objects, as the chart makes it."""
        return self.name if "edge" in self.name else f"{self.name}-edge"

    @property
    def selector(self) -> str:
        """Of its nodes."""
        return f"app.kubernetes.io/instance={self.name},app.kubernetes.io/component=node"

    def helm(self, verb: str, *words: str, stdin: str | None = None) -> str:
        """`helm VERB NAME …` in its namespace."""
        return helm(verb, self.name, *words, "-n", self.namespace, stdin=stdin, within_s=READY_S + 60)

    def create(self, values: Values) -> None:
        """Install it and wait for nothing."""
        self.values = values
        self.helm("install", str(CHART), "-f", "-", stdin=self._given())

    def install(self, values: Values | None = None, chart: Path = CHART) -> float:
        """Install it; the seconds until all of its pods were ready, to a whole second."""
        self.values = values or {}
        began = time.time()
        self.helm("install", str(chart), *self._options(), stdin=self._given())
        pods = until(self.all_ready, READY_S, f"all pods of {self.name} ready")
        return max(pod.ready_at for pod in pods) - int(began)

    def upgrade(self, more: Values | None = None, chart: Path = CHART) -> None:
        """Change some values and wait until the pods follow; the values that it had stay."""
        self.values = merged(self.values, more or {})
        self.helm("upgrade", str(chart), *self._options(), stdin=self._given())
        self.rolled_out()

    def rolled_out(self) -> None:
        """Wait until every pod is ready and of the newest revision."""
        until(self._is_rolled_out, READY_S + 120, f"{self.name} rolled out")
        until(self.all_ready, READY_S, f"all pods of {self.name} ready")

    def _given(self) -> str:
        return yaml.safe_dump(reachable(self.values))

    def _options(self) -> list[str]:
        return ["-f", "-", "--wait", "--timeout", f"{READY_S + 30:.0f}s"]

    def _is_rolled_out(self) -> bool:
        (one,) = get("statefulset", "-n", self.namespace, "-l", self.selector)
        status, wanted = one["status"], one["spec"]["replicas"]
        counts = [status.get(name, 0) for name in ("replicas", "readyReplicas", "updatedReplicas")]
        observed = status.get("observedGeneration", 0) >= one["metadata"]["generation"]
        same = status.get("currentRevision") == status.get("updateRevision")
        return observed and same and counts == [wanted] * 3

    def uninstall(self) -> None:
        """Remove it and wait until its pods are gone."""
        self.helm("uninstall", "--wait", "--timeout", "120s")
        until(lambda: not self.pods(), READY_S, f"pods of {self.name} gone")

    def pods(self) -> list[Pod]:
        """Its nodes, by name."""
        found = [pod_of(one) for one in get("pods", "-n", self.namespace, "-l", self.selector)]
        return sorted(found, key=lambda pod: pod.name)

    def all_ready(self) -> list[Pod]:
        """Its nodes, if there are as many as wanted and all are ready; else none."""
        (one,) = get("statefulset", "-n", self.namespace, "-l", self.selector)
        pods = self.pods()
        return pods if len(pods) == one["spec"]["replicas"] and all(pod.ready for pod in pods) else []

    def pod(self, name: str) -> Pod | None:
        """One of its nodes."""
        return next((pod for pod in self.pods() if pod.name == name), None)

    def edge(self, pod: str, *words: str) -> Any:
        """`edge …` in a pod's own container; its JSON answer."""
        where = ["exec", pod, "-n", self.namespace, "-c", "edge", "--"]
        return json.loads(kubectl(*where, "edge", *words, "--output", "json"))

    def members(self, pod: str) -> dict[str, Object]:
        """All members as a pod holds them, by name."""
        return {one["name"]: one for one in self.edge(pod, "members")["members"]}

    def alive(self, pod: str) -> list[str]:
        """Names of those whom a pod holds alive."""
        return sorted(name for name, one in self.members(pod).items() if one["status"] == "alive")

    def logs(self, pod: str) -> str:
        """What a pod's process said so far."""
        return kubectl("logs", pod, "-n", self.namespace, "-c", "edge", "--tail=-1")

    def restarts(self, pod: str) -> dict[str, int]:
        """How often each container of a pod was started again."""
        found = json.loads(kubectl("get", "pod", pod, "-n", self.namespace, "-o", "json"))
        return {one["name"]: one["restartCount"] for one in found["status"]["containerStatuses"]}

    def metric(self, pod: str, name: str) -> float:
        """A counter or gauge of a pod; 0 if it is not told. `name` includes the labels, in braces."""
        where = ["exec", pod, "-n", self.namespace, "-c", "edge", "--"]
        lines = kubectl(*where, "python3", "-c", _METRICS).splitlines()
        return next((float(line.rpartition(" ")[2]) for line in lines if line.startswith(f"{name} ")), 0.0)

    def secret(self, name: str) -> Object:
        """The data of one of its secrets, as they are held."""
        found: Object = json.loads(kubectl("get", "secret", name, "-n", self.namespace, "-o", "json"))
        return dict(found["data"])

    def zone(self, pod: Pod) -> str:
        """The zone label of the machine that a pod runs on."""
        labels = json.loads(kubectl("get", "node", pod.node, "-o", "json"))["metadata"]["labels"]
        return str(labels.get("topology.kubernetes.io/zone", ""))


class Space(Protocol):
    """Makes a namespace for one test."""

    def __call__(self, purpose: str, level: str = "restricted") -> str: ...


@dataclass
class Namespaces:
    """The namespaces of this run; all go at its end."""

    made: list[str] = field(default_factory=list)
    count: int = 0
    run: str = field(default_factory=lambda: secrets.token_hex(2))

    def make(self, purpose: str, *, level: str = "restricted") -> str:
        """A new namespace that enforces a Pod Security level."""
        self.count += 1
        name = f"e2e-{self.run}-{self.count}-{purpose}"
        self.made.append(name)
        kubectl("create", "namespace", name)
        kubectl("label", "namespace", name, f"pod-security.kubernetes.io/enforce={level}")
        return name

    def remove(self, name: str, *, wait: bool = True) -> None:
        """Delete one and all that is in it."""
        self.made.remove(name)
        kubectl("delete", "namespace", name, f"--wait={str(wait).lower()}", within_s=180)
