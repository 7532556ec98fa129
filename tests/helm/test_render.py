"""Every values file of the ci folder: linted strictly, rendered for the oldest and the newest Kubernetes, valid."""

from pathlib import Path

import helm_python
import pytest
import yaml

from helm.render import CHART, CI, NEWEST, OLDEST, ROOT, Where, render, values_of
from helm.validate import RULES, schema_errors

NAMES = ["n", "on", "true", "123", "1e3", "edge", "a.b", "x" * 53, "1" * 53]


@pytest.mark.parametrize("kube", [OLDEST, NEWEST])
@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem.removesuffix("-values"))
def test_ci_values_render_valid_objects(path: Path, kube: str) -> None:
    made = render(values_of(path), Where(kube=kube))
    assert not [error for one in made.objects for error in schema_errors(one, kube)]
    assert not [error for rule in RULES for error in rule(made)]


@pytest.mark.parametrize("kube", [OLDEST, NEWEST])
@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem.removesuffix("-values"))
def test_ci_values_pass_the_strict_lint(path: Path, kube: str) -> None:
    report = helm_python.lint(
        CHART, values_of(path), strict=True, namespace="video", kube_version=f"v{kube}.0"
    )
    assert not [one["error"] for one in report["messages"] if one["severity"] > 1]
    assert not report["errors"]


@pytest.mark.parametrize("name", NAMES)
def test_odd_names_render_valid_objects(name: str) -> None:
    values = {"demo": {"origin": {"enabled": True}}, "public": {"advertise": "template"}}
    made = render(values, Where(name=name))
    assert not [error for one in made.objects for error in schema_errors(one, NEWEST)]
    assert not [error for rule in RULES for error in rule(made)]
    assert made.one("StatefulSet")["metadata"]["labels"]["app.kubernetes.io/instance"] == name


def test_two_releases_share_no_name_and_no_cluster() -> None:
    twins = ["x" * 50 + tail for tail in ("a", "b", "c")] + ["a.b", "a-b"]
    made = [render({"nameOverride": "cache"}, Where(name=name)) for name in twins]
    assert len({one.one("StatefulSet")["metadata"]["name"] for one in made}) == len(twins)
    assert len({one.env["EDGE_NODE_CLUSTER"] for one in made}) == len(twins)


def test_name_overrides() -> None:
    assert render({"nameOverride": "cache"}).one("StatefulSet")["metadata"]["name"] == "edge-cache"
    assert render({"fullnameOverride": "cdn"}).one("StatefulSet")["metadata"]["name"] == "cdn"
    labels = render({"nameOverride": "cache"}).one("StatefulSet")["metadata"]["labels"]
    assert labels["app.kubernetes.io/name"] == "cache"


def test_common_labels_and_annotations_reach_every_object_but_no_selector() -> None:
    values = {"commonLabels": {"team": "42"}, "commonAnnotations": {"example.com/by": "us"}}
    made = render(values)
    for one in made.objects:
        assert one["metadata"]["labels"]["team"] == "42", one["kind"]
        assert one["metadata"]["annotations"]["example.com/by"] == "us", one["kind"]
    spec = made.one("StatefulSet")["spec"]
    assert spec["template"]["metadata"]["labels"]["team"] == "42"
    assert "team" not in spec["selector"]["matchLabels"]


def test_a_new_version_of_the_chart_alone_restarts_no_pod() -> None:
    labels = render().one("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert "helm.sh/chart" not in labels
    assert "app.kubernetes.io/version" not in labels


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "localhost/edge:0.1.0"),
        ({"image": {"tag": "2"}}, "localhost/edge:2"),
        ({"image": {"digest": "sha256:" + "0" * 64, "tag": "2"}}, "localhost/edge@sha256:" + "0" * 64),
        ({"global": {"imageRegistry": "r.example"}}, "r.example/edge:0.1.0"),
        ({"image": {"registry": "", "repository": "edge"}}, "edge:0.1.0"),
    ],
)
def test_image(values: dict[str, object], image: str) -> None:
    made = render(values | {"demo": {"origin": {"enabled": True}}})
    containers = [
        one for _, spec in made.pods() for one in spec["containers"] + spec.get("initContainers", [])
    ]
    assert {one["image"] for one in containers if one["name"] != "nginx"} == {image}


def test_pull_secrets_are_those_of_the_chart_and_of_its_parent() -> None:
    made = render({"imagePullSecrets": ["a"], "global": {"imagePullSecrets": ["b", "a"]}})
    for name, spec in made.pods():
        assert spec["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}], name


def test_extras_arrive() -> None:
    made = render(values_of(CHART / "ci/ipv6-values.yaml"))
    assert made.env["EDGE_LOG_LEVEL"] == "debug"
    assert made.edge["envFrom"] == [{"configMapRef": {"name": "more"}}]
    assert {one["name"] for one in made.pod["containers"]} == {"edge", "nginx", "beside"}
    assert [one["name"] for one in made.pod["initContainers"]] == ["nginx-config", "wait"]
    assert {"name": "more", "mountPath": "/more"} in made.edge["volumeMounts"]
    assert {"more", "cdn-more"} <= {one["metadata"]["name"] for one in made.all("ConfigMap")}


def test_the_chart_and_the_program_have_one_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert f'\nversion = "{chart["appVersion"]}"\n' in project
    assert f"localhost/edge:{chart['appVersion']}\n" in chart["annotations"]["artifacthub.io/images"]
    assert chart["kubeVersion"] == f">={OLDEST}.0-0"
    assert chart["icon"]
    for key in ("category", "license", "changes"):
        assert chart["annotations"][f"artifacthub.io/{key}"]
