"""Renders the chart as Helm does, with no cluster, and gives its objects as Python values."""

import functools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import helm_python
import yaml
from helm_python import _native

ROOT = Path(__file__).resolve().parents[2]
CHART = ROOT / "helm/edge"
CI = sorted((CHART / "ci").glob("*-values.yaml"))
OLDEST, NEWEST = "1.28", "1.37"  # supported versions of Kubernetes
CUSTOM = (  # kinds that others define
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "gateway.networking.k8s.io/v1/HTTPRoute",
    "keda.sh/v1alpha1/ScaledObject",
)
POD_KINDS = ("StatefulSet", "Deployment", "Pod")

Object = dict[str, Any]
Values = dict[str, Any]


class Loader(yaml.CSafeLoader):
    """Reads `1e3` as a number, as Kubernetes does; PyYAML alone takes it for a text."""


Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def parse(text: str) -> list[Object]:
    """The objects of a stream of YAML documents."""
    return [one for one in yaml.load_all(text, Loader) if one]  # a safe loader


@dataclass(frozen=True)
class Rendered:
    """What one rendering gave."""

    objects: list[Object]
    notes: str
    texts: dict[str, str]  # by template

    def all(self, kind: str, component: str = "") -> list[Object]:
        """The objects of a kind, and of a component if one is named."""
        return [one for one in self.objects if one["kind"] == kind and component in ("", component_of(one))]

    def one(self, kind: str, component: str = "") -> Object:
        """The only such object."""
        (found,) = self.all(kind, component)
        return found

    @property
    def pod(self) -> Object:
        """The pod template of the StatefulSet: its spec."""
        return pod_spec(self.one("StatefulSet"))

    @property
    def edge(self) -> Object:
        """The container `edge`."""
        (found,) = [one for one in self.pod["containers"] if one["name"] == "edge"]
        return dict(found)

    @property
    def nginx(self) -> Object | None:
        """The container `nginx`, if there is one."""
        return next((dict(one) for one in self.pod["containers"] if one["name"] == "nginx"), None)

    @property
    def ports(self) -> list[Object]:
        """The ports of all containers of the pod."""
        return [port for one in self.pod["containers"] for port in one.get("ports", [])]

    @property
    def env(self) -> dict[str, str]:
        """Its variables; one from the pod's own fields is `<field>`."""
        return {
            one["name"]: one["value"] if "value" in one else f"<{one['valueFrom']['fieldRef']['fieldPath']}>"
            for one in self.edge["env"]
        }

    def pods(self) -> Iterator[tuple[str, Object]]:
        """Name and pod spec of everything that makes pods."""
        for one in self.objects:
            if one["kind"] in POD_KINDS:
                yield f"{one['kind']}/{one['metadata']['name']}", pod_spec(one)


def pod_spec(one: Object) -> Object:
    """The pod spec of a Pod or of what makes pods."""
    return dict(one["spec"] if one["kind"] == "Pod" else one["spec"]["template"]["spec"])


def component_of(one: Object) -> str:
    """What part of the release an object is."""
    return str(one["metadata"].get("labels", {}).get("app.kubernetes.io/component", ""))


@functools.cache
def chart() -> helm_python.Chart:
    """The chart, loaded once."""
    return helm_python.Chart.load(CHART)


@dataclass(frozen=True)
class Where:
    """As what, and on what, the chart is installed."""

    name: str = "edge"
    namespace: str = "video"
    kube: str = NEWEST
    custom: tuple[str, ...] = CUSTOM


def render(values: Values | None = None, where: Where = Where()) -> Rendered:
    """Render the chart; the same question is answered once, so do not change what it gives.

    Raises:
        helm_python.HelmError: the schema, or a check of the chart, refuses the values.
    """
    return _render_once(json.dumps(values or {}), where)


def render_anew(values: Values, where: Where, of: helm_python.Chart) -> Rendered:
    """Render some chart, with secrets of its own."""
    options = {
        "name": where.name,
        "namespace": where.namespace,
        "kube_version": f"v{where.kube}.0",
        "api_versions": list(where.custom),
    }
    # The public `Chart.render` takes neither version nor custom kinds, the library beneath it does.
    made = _native.call_string("helm_render", of._raw(), json.dumps(values), json.dumps(options))
    texts: dict[str, str] = json.loads(made)
    objects = [one for path, text in texts.items() if path.endswith(".yaml") for one in parse(text)]
    notes = next(text for path, text in texts.items() if path.endswith("NOTES.txt"))
    return Rendered(objects, notes, texts)


@functools.lru_cache(maxsize=256)
def _render_once(values: str, where: Where) -> Rendered:
    return render_anew(json.loads(values), where, chart())


def values_of(path: Path) -> Values:
    """A values file."""
    return dict(yaml.safe_load(path.read_text("utf-8")) or {})
