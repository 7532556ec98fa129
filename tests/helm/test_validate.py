"""Each of our own rules can fail."""

import copy
from collections.abc import Callable

import pytest

from helm import validate
from helm.render import NEWEST, Object, Rendered, render
from helm.validate import Rule, schema_errors

Spoil = Callable[[Rendered], None]


def _set(kind: str, *path: str | int, to: object, component: str = "") -> Spoil:
    """A change of one field of the first object of a kind."""

    def spoil(made: Rendered) -> None:
        place: Object = made.all(kind, component)[0]
        for step in path[:-1]:
            place = place[step]  # type: ignore[index]
        place[path[-1]] = to  # type: ignore[index]

    return spoil


CONTAINER = ("spec", "template", "spec", "containers", 0)
BAD = [
    (validate.names, _set("Service", "metadata", "name", to="1-edge")),
    (validate.names, _set("StatefulSet", "metadata", "name", to="x" * 53)),
    (validate.names, _set("Pod", "metadata", "name", to="edge-test-route")),
    (validate.names, _set("ConfigMap", "metadata", "name", to=True)),
    (validate.labels, _set("ConfigMap", "metadata", "labels", "team", to=42)),
    (validate.labels, _set("ConfigMap", "metadata", "labels", "team", to="a b")),
    (validate.labels, _set("StatefulSet", "spec", "template", "metadata", "labels", "team", to=1e3)),
    (validate.labels, _set("StatefulSet", "metadata", "annotations", to={"a": True})),
    (validate.selectors, _set("StatefulSet", "spec", "selector", "matchLabels", to={"a": "b"})),
    (validate.selectors, _set("PodDisruptionBudget", "spec", "selector", "matchLabels", to={"a": "b"})),
    (validate.selectors, _set("NetworkPolicy", "spec", "podSelector", "matchLabels", to={})),
    (validate.selectors, _set("Service", "spec", "ports", 0, "targetPort", to="http-gossip")),
    (validate.selectors, _set("Service", "spec", "ports", 0, "protocol", to="TCP", component="headless")),
    (validate.ports, _set("Service", "spec", "ports", 0, "name", to="", component="headless")),
    (validate.ports, _set("Service", "spec", "ports", 0, "port", to=7701, component="headless")),
    (validate.ports, _set("StatefulSet", *CONTAINER, "ports", 1, "containerPort", to=70_000)),
    (validate.references, _set("StatefulSet", *CONTAINER, "volumeMounts", 0, "name", to="none")),
    (validate.references, _set("StatefulSet", *CONTAINER, "livenessProbe", "httpGet", "port", to="http")),
    (validate.references, _set("StatefulSet", *CONTAINER, "resources", "limits", "memory", to="1 GB")),
    (
        validate.references,
        _set("StatefulSet", *CONTAINER, "env", 0, "valueFrom", "fieldRef", "fieldPath", to="status.podIp"),
    ),
    (validate.variables, _set("StatefulSet", *CONTAINER, "env", -1, "value", to="$(EDGE_NODE_NANE)")),
    (validate.variables, _set("StatefulSet", *CONTAINER, "env", 0, "name", to="EDGE_NODE_NAME")),
]


@pytest.fixture(scope="module")
def whole() -> Rendered:
    return render()


@pytest.mark.parametrize(("rule", "spoil"), BAD)
def test_rule_finds_what_is_wrong(rule: Rule, spoil: Spoil, whole: Rendered) -> None:
    spoilt = copy.deepcopy(whole)
    assert not list(rule(spoilt))
    spoil(spoilt)
    assert list(rule(spoilt))


def test_the_schema_finds_a_misspelt_field(whole: Rendered) -> None:
    spoilt = copy.deepcopy(whole).one("StatefulSet")
    spoilt["spec"]["minReadySecond"] = 1
    assert list(schema_errors(spoilt, NEWEST))


def test_every_rule_is_tried() -> None:
    assert {rule for rule, _ in BAD} == set(validate.RULES)
