"""The schema of the values: what it refuses, how it says so, and that nothing is undocumented."""

import json
import re
from typing import Any

import helm_python
import pytest
import yaml

from helm.render import CHART, Values, chart, render
from helm.settings import OWNED, OWNED_SECTIONS, config_schema, schema

WRONG: list[tuple[Values, str]] = [
    ({"replcas": 3}, "at '': additional properties 'replcas' not allowed"),
    ({"replicas": "3"}, "at '/replicas': got string, want integer"),
    ({"replicas": 0}, "at '/replicas': minimum: got 0, want 1"),
    (
        {"image": {"pullPolicy": "Sometimes"}},
        "at '/image/pullPolicy': value must be one of 'Always', 'IfNotPresent', 'Never'",
    ),
    ({"image": {"digest": "abc"}}, "at '/image/digest': 'abc' does not match pattern"),
    (
        {"public": {"advertise": "podip"}},
        "at '/public/advertise': value must be one of 'podIP', 'template', 'hostPort'",
    ),
    ({"gossip": {"port": 80}}, "at '/gossip/port': minimum: got 80, want 1,024"),
    ({"origin": {"url": "origin:80"}}, "at '/origin/url': 'origin:80' does not match pattern"),
    (
        {"config": {"gossip": {"fan_out": 3}}},
        "at '/config/gossip': additional properties 'fan_out' not allowed",
    ),
    ({"config": {"gossip": {"fanout": 99}}}, "at '/config/gossip/fanout': maximum: got 99, want 16"),
    ({"config": {"log": {"level": "loud"}}}, "at '/config/log/level': value must be one of"),
    (
        {"config": {"gossip": {"seeds": ["a:1"]}}},
        "at '/config/gossip': additional properties 'seeds' not allowed",
    ),
    (
        {"config": {"admin": {"bind": "0.0.0.0:80"}}},
        "at '/config/admin': additional properties 'bind' not allowed",
    ),
    ({"nginx": {"image": {"tag": ""}}}, "at '/nginx/image/tag': minLength: got 0, want 1"),
    ({"nginx": {"image": {"digest": "1.28"}}}, "at '/nginx/image/digest': '1.28' does not match pattern"),
    (
        {"origin": {"servers": [{"url": "http://a.example;weight=2"}]}},
        "at '/origin/servers/0/url': 'http://a.example;weight=2' does not match pattern",
    ),
    ({"public": {"tls": {"certKey": "../a"}}}, "at '/public/tls/certKey': '../a' does not match pattern"),
    ({"commonLabels": {"a": True}}, "at '/commonLabels/a': got boolean, want string"),
    (
        {"service": {"type": "Cluster"}},
        "at '/service/type': value must be one of 'ClusterIP', 'NodePort', 'LoadBalancer'",
    ),
    ({"cache": {"volume": {"size": "10 GB"}}}, "at '/cache/volume/size': '10 GB' does not match pattern"),
    (
        {"podDisruptionBudget": {"maxUnavailable": 0}},
        "at '/podDisruptionBudget/maxUnavailable': minimum: got 0, want 1",
    ),
    (
        {"podSecurityContext": {"runAsUser": "edge"}},
        "at '/podSecurityContext/runAsUser': got string, want null or integer",
    ),
    ({"podSecurityContext": {"runAsRoot": False}}, "additional properties 'runAsRoot' not allowed"),
    ({"httpRoute": {"enabled": True}}, "at '/httpRoute/parentRefs': minItems: got 0, want 1"),
    (
        {"monitoring": {"serviceMonitor": {"interval": 15}}},
        "at '/monitoring/serviceMonitor/interval': got number, want string",
    ),
]


@pytest.mark.parametrize(("values", "message"), WRONG, ids=[json.dumps(values) for values, _ in WRONG])
def test_a_wrong_value_is_refused_with_its_place_and_what_would_be_right(
    values: Values, message: str
) -> None:
    with pytest.raises(helm_python.HelmValuesError) as raised:
        chart().validate_schema(values)
    assert message in str(raised.value)


def test_values_for_all_charts_are_not_ours_to_refuse() -> None:
    chart().validate_schema({"global": {"storageClass": "fast", "imageRegistry": "r.example"}})


def objects_of(node: Any, path: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Every part of a schema that describes an object with known fields."""
    found = []
    if isinstance(node, dict):
        if node.get("type") == "object" and "properties" in node:
            found.append((path, node))
        for key, value in node.items():
            found += objects_of(value, f"{path}/{key}")
    return found


def test_the_schema_is_strict_everywhere() -> None:
    open_ = [path for path, node in objects_of(schema()) if node.get("additionalProperties") is not False]
    assert open_ == ["/properties/global"]


def test_the_schema_of_the_settings_is_that_of_the_program() -> None:
    assert schema()["properties"]["config"] == config_schema(), (
        "`make chart ARGS=--write` brings it up to date"
    )


def test_what_the_chart_owns_it_sets() -> None:
    tls = {"secretName": "web", "caKey": "ca.crt", "peerName": "edge.example.com"}
    admin = {"existingSecret": "door", "tokensKey": "tokens", "tls": tls | {"clientCaKey": "clients.crt"}}
    made = [
        render({"demo": {"origin": {"enabled": True}}, "cache": {"disk": True}, "public": {"tls": tls}}),
        render({"origin": {"servers": [{"url": "http://a.example"}]}, "admin": admin}),
    ]
    told = {name.removeprefix("EDGE_").lower() for one in made for name in one.env}
    assert {path.replace(".", "_") for path in OWNED} - told == {
        "gossip_advertise"
    }  # which follows from its bind
    assert all(f"{section}_discovery" in told for section in OWNED_SECTIONS)


def leaves(values: Any, schema_: dict[str, Any], path: str = "") -> list[str]:
    """Paths of the values that a user may set, as far as the chart's own structure goes."""
    fields = schema_.get("properties", {})
    if not isinstance(values, dict) or not values or not fields:
        return [path]
    return [
        one
        for key, value in values.items()
        for one in leaves(value, fields[key], f"{path}.{key}".lstrip("."))
    ]


def test_every_default_is_in_the_schema_and_every_value_of_the_schema_has_a_default() -> None:
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    chart().validate_schema({})
    assert set(schema()["properties"]) == set(defaults)
    for path, node in objects_of(schema()):
        keys = [step for step in path.split("/") if step not in ("", "properties")]
        if keys[:1] in (["config"], ["definitions"]) or not keys or keys[-1] in ("items", "then", "if"):
            continue
        if (
            keys[0] in ("podSecurityContext", "securityContext", "probes", "updateStrategy")
            or "allOf" in keys
        ):
            continue  # structures of Kubernetes, of which the chart sets a part
        place = defaults
        for key in keys:
            place = place[key]
        assert set(place) == set(node["properties"]), path


def test_every_value_is_documented() -> None:
    """In values.yaml by a comment, in the README by a row of the table that is made from it."""
    defaults = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    table = set(re.findall(r"^\| ([\w.-]+) \|", (CHART / "README.md").read_text("utf-8"), re.MULTILINE))
    paths = leaves(defaults, schema())
    assert len(paths) > 150
    assert not [path for path in paths if not _is_documented(path, table)]


def _is_documented(path: str, table: set[str]) -> bool:
    """By a row of its own, by that of a structure above it, or by those of its parts."""
    steps = path.split(".")
    above = {".".join(steps[:length]) for length in range(1, len(steps) + 1)}
    return bool(above & table) or any(row.startswith(f"{path}.") for row in table)
