"""What a schema of Kubernetes says of an object, and what it does not: our own rules."""

import functools
import re
from collections.abc import Callable, Iterator
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
from kubernetes_validate import utils

from helm.render import Object, Rendered, pod_spec

# A file of some hundred kilobytes is read for every object otherwise.
utils.schema_contents = functools.cache(utils.schema_contents)

NAME = re.compile(r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")  # RFC 1123 subdomain
SERVICE_NAME = re.compile(r"^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$")  # RFC 1035 label
LABEL_KEY = re.compile(r"^([a-z0-9.-]{1,253}/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$")
LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$")
PORT_NAME = re.compile(r"^(?=.*[a-z])[a-z0-9]([a-z0-9-]{0,13}[a-z0-9])?$")
QUANTITY = re.compile(r"^[0-9]+(\.[0-9]+)?([numkMGTPE]|[KMGTPE]i)?$")
CUSTOM_GROUPS = ("monitoring.coreos.com", "gateway.networking.k8s.io", "keda.sh")
FIELD_PATH = re.compile(
    r"^(metadata\.(name|namespace|uid|labels\['[^']+'\]|annotations\['[^']+'\])"
    r"|spec\.(nodeName|serviceAccountName)|status\.(hostIPs?|podIPs?))$"
)

Rule = Callable[[Rendered], Iterator[str]]


def schema_errors(one: Object, kube: str) -> Iterator[str]:
    """What the schema of one version of Kubernetes refuses; kinds that others define have none here."""
    if one["apiVersion"].split("/")[0] in CUSTOM_GROUPS:
        return
    try:
        kubernetes_validate.validate(one, kube, strict=True)
    except kubernetes_validate.ValidationError as error:
        yield f"{one['kind']} {one['metadata']['name']}: {list(error.absolute_path)}: {error.message}"


def names(made: Rendered) -> Iterator[str]:
    """Names are texts of the right form, and no two objects have the same."""
    seen = set()
    for one in made.objects:
        name = one["metadata"]["name"]
        pattern = SERVICE_NAME if one["kind"] == "Service" else NAME
        if not isinstance(name, str) or not pattern.match(name):
            yield f"{one['kind']} {name!r} is no name"
        if one["kind"] == "StatefulSet" and len(name) > 52:
            yield f"StatefulSet {name} is too long for the label of its revision"
        key = (one["kind"], one["metadata"].get("namespace"), name)
        if key in seen:
            yield f"{key} twice"
        seen.add(key)


def labels(made: Rendered) -> Iterator[str]:
    """Labels and annotations are texts; a label has a form besides."""
    for one in _metadata_of(made.objects):
        for key, value in (one.get("labels") or {}).items():
            if not isinstance(value, str) or not LABEL_VALUE.match(value) or not LABEL_KEY.match(str(key)):
                yield f"label {key}: {value!r}"
        for key, value in (one.get("annotations") or {}).items():
            if not isinstance(value, str) or not LABEL_KEY.match(str(key)):
                yield f"annotation {key}: {value!r}"


def _metadata_of(value: Any) -> Iterator[Object]:
    if isinstance(value, dict):
        if isinstance(value.get("metadata"), dict):
            yield value["metadata"]
        for one in value.values():
            yield from _metadata_of(one)
    elif isinstance(value, list):
        for one in value:
            yield from _metadata_of(one)


def matches(selector: dict[str, str], of: dict[str, str]) -> bool:
    """Whether labels have all that a selector wants."""
    return selector.items() <= of.items()


def pod_labels(made: Rendered) -> list[tuple[Object, dict[str, str]]]:
    """What makes pods, and the labels those will have."""
    found = []
    for one in made.objects:
        if one["kind"] == "Pod":
            found.append((one, one["metadata"]["labels"]))
        elif one["kind"] == "Deployment":
            found.append((one, one["spec"]["template"]["metadata"]["labels"]))
        elif one["kind"] == "StatefulSet":
            own = {"statefulset.kubernetes.io/pod-name": f"{one['metadata']['name']}-0"}
            found.append((one, one["spec"]["template"]["metadata"]["labels"] | own))
    return found


def selectors(made: Rendered) -> Iterator[str]:
    """Every selector finds pods of one kind, and those of a Service have the ports it names."""
    made_by = pod_labels(made)
    for one in made.objects:
        if (wanted := _wanted(one)) is None:
            continue
        found = [maker for maker, of in made_by if matches(wanted, of)]
        makers = sorted({f"{maker['kind']}/{maker['metadata']['name']}" for maker in found})
        tests = one["kind"] == "NetworkPolicy" and all(maker["kind"] == "Pod" for maker in found)
        if len(makers) != 1 and not (makers and tests):
            yield f"{one['kind']} {one['metadata']['name']} selects {makers}"
        elif one["kind"] in ("StatefulSet", "Deployment") and found != [one]:
            yield f"{one['kind']} {one['metadata']['name']} does not select its own pods"
        elif one["kind"] == "Service":
            yield from _target_ports(one, pod_spec(found[0]))


def _wanted(one: Object) -> dict[str, str] | None:
    """The labels of pods that an object selects; None if it selects none."""
    if one["kind"] == "Service":
        selector = one["spec"]["selector"]
        return dict(selector | _ordinal_0(selector))
    place = {"NetworkPolicy": "podSelector"} | dict.fromkeys(
        ("StatefulSet", "Deployment", "PodDisruptionBudget"), "selector"
    )
    return dict(one["spec"][place[one["kind"]]]["matchLabels"]) if one["kind"] in place else None


def _ordinal_0(selector: dict[str, str]) -> dict[str, str]:
    """A selector of one pod, as if it were of the first one."""
    key = "statefulset.kubernetes.io/pod-name"
    return {key: re.sub(r"-\d+$", "-0", selector[key])} if key in selector else {}


def _target_ports(service: Object, spec: Object) -> Iterator[str]:
    there = {(port["name"], port["protocol"]) for one in spec["containers"] for port in one.get("ports", [])}
    for port in service["spec"]["ports"]:
        if (port["targetPort"], port["protocol"]) not in there:
            yield f"Service {service['metadata']['name']} leads to {port['targetPort']}, which no container has"


def ports(made: Rendered) -> Iterator[str]:
    """Ports are named, distinct and in range; no number is TCP and UDP at once (kubernetes#105610)."""
    for name, spec in made.pods():
        yield from _distinct(
            name, [port for one in spec["containers"] for port in one.get("ports", [])], "containerPort"
        )
    for one in made.all("Service"):
        yield from _distinct(f"Service {one['metadata']['name']}", one["spec"]["ports"], "port")


def _distinct(where: str, given: list[Object], field: str) -> Iterator[str]:
    for port in given:
        if not PORT_NAME.match(port.get("name", "")):
            yield f"{where}: {port} has no proper name"
        if not 1 <= port[field] <= 65535:
            yield f"{where}: {port} is out of range"
    for key in ("name", field):
        if len({port[key] for port in given}) != len(given):
            yield f"{where}: two ports share a {key}: {given}"


def references(made: Rendered) -> Iterator[str]:
    """Mounts have volumes, probes have ports, fields of the pod exist, amounts are amounts."""
    for name, spec in made.pods():
        volumes = {one["name"] for one in spec.get("volumes", [])}
        if len(volumes) != len(spec.get("volumes", [])):
            yield f"{name}: two volumes share a name"
        if name.startswith("StatefulSet"):
            claims = made.one("StatefulSet")["spec"].get("volumeClaimTemplates", [])
            volumes |= {one["metadata"]["name"] for one in claims}
        for one in spec["containers"] + spec.get("initContainers", []):
            yield from _container(f"{name} {one['name']}", one, volumes)


def _container(where: str, one: Object, volumes: set[str]) -> Iterator[str]:
    yield from (
        f"{where}: no volume {mount['name']}"
        for mount in one.get("volumeMounts", [])
        if mount["name"] not in volumes
    )
    named = {port["name"] for port in one.get("ports", [])}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        for action in one.get(probe, {}).values():
            if isinstance(action, dict) and action["port"] not in named:
                yield f"{where}: {probe} asks port {action['port']}"
    for variable in one.get("env", []):
        path = variable.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
        if path and not FIELD_PATH.match(path):
            yield f"{where}: {path} is no field of a pod"
    for amounts in one.get("resources", {}).values():
        yield from (
            f"{where}: {key}: {value} is no amount"
            for key, value in amounts.items()
            if not QUANTITY.match(str(value))
        )


def variables(made: Rendered) -> Iterator[str]:
    """Every $(NAME) stands after the variable that it names; no variable comes twice."""
    for name, spec in made.pods():
        for one in spec["containers"]:
            before: set[str] = set()
            for variable in one.get("env", []):
                for used in re.findall(r"\$\(([^)]*)\)", variable.get("value", "")):
                    if used not in before:
                        yield f"{name}: {variable['name']} uses {used} before it is there"
                if variable["name"] in before:
                    yield f"{name}: {variable['name']} twice"
                before.add(variable["name"])


RULES: tuple[Rule, ...] = (names, labels, selectors, ports, references, variables)
