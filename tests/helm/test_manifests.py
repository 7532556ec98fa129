"""The plain manifests, the kustomizations, the quick starts."""

import re
import subprocess
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from edge.config import Source, load
from helm.manifests import PLACE, plain_manifests
from helm.pods import POD, filled, restricted_offences
from helm.render import NEWEST, OLDEST, ROOT, Object, Rendered, parse, pod_spec, render, values_of
from helm.validate import RULES, schema_errors
from loadtest.drive.command import drive_command
from needs import needs

COMMANDS = {"drive": drive_command}
README = (PLACE / "README.md").read_text("utf-8")
APPLIED = [PLACE / path for path in ("plain/edge.yaml", "plain/namespace.yaml", "monitoring/prometheus.yaml")]


@pytest.mark.parametrize(
    ("path", "text"), plain_manifests().items(), ids=lambda one: getattr(one, "name", "")
)
def test_plain_manifests_are_what_the_chart_renders(path: Path, text: str) -> None:
    assert path.read_text("utf-8") == text, "`make chart ARGS=--write` brings it up to date"


def whole() -> Rendered:
    """Everything that `kubectl apply -k manifests/demo` applies, but the namespace."""
    files = [PLACE / "plain/edge.yaml", PLACE / "demo/demo.yaml"]
    return Rendered([one for path in files for one in parse(path.read_text("utf-8"))], "", {})


@pytest.mark.parametrize("kube", [OLDEST, NEWEST])
def test_everything_that_is_applied_is_valid(kube: str) -> None:
    for path in [*APPLIED, PLACE / "demo/demo.yaml", PLACE / "loadtest/drive.yaml"]:
        assert not [error for one in parse(path.read_text("utf-8")) for error in schema_errors(one, kube)]
    assert not [error for rule in RULES for error in rule(whole())]


def test_plain_manifests_hold_no_secret_and_no_trace_of_helm() -> None:
    made = whole()
    assert not made.all("Secret")
    for one in made.objects:
        labels = one["metadata"]["labels"]
        assert "helm.sh/chart" not in labels
        assert "app.kubernetes.io/managed-by" not in labels


def test_everything_runs_at_the_restricted_level() -> None:
    namespaces = [
        one for path in APPLIED for one in parse(path.read_text("utf-8")) if one["kind"] == "Namespace"
    ]
    assert {one["metadata"]["name"] for one in namespaces} == {"edge", "monitoring"}
    for one in namespaces:
        assert one["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    prometheus = [
        one
        for one in parse((PLACE / "monitoring/prometheus.yaml").read_text())
        if one["kind"] == "Deployment"
    ]
    for one in [*map(pod_spec, [*prometheus, driving("Job")]), *(spec for _, spec in whole().pods())]:
        assert not restricted_offences(one)


def driving(kind: str) -> Object:
    """What drives viewers at a release."""
    (found,) = [
        one for one in parse((PLACE / "loadtest/drive.yaml").read_text("utf-8")) if one["kind"] == kind
    ]
    return found


def test_machines_that_drive_are_as_many_as_they_think() -> None:
    lines = (PLACE / "loadtest/drive.env").read_text("utf-8").splitlines()
    given = dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    job = driving("Job")["spec"]
    assert job["completionMode"] == "Indexed"
    assert job["completions"] == job["parallelism"] == int(given["MACHINES"])
    (container,) = pod_spec(driving("Job"))["containers"]
    words = [re.sub(r"\$\((\w+)\)", lambda found: given[found[1]], word) for word in container["args"]]
    name, *arguments = words
    asked = COMMANDS[name].make_context(name, arguments).params
    assert (asked["name"], asked["viewers"], asked["of"]) == ("toss-to-toss", 2000, 4)
    host, _, port = asked["meet"].partition(":")
    service = driving("Service")
    assert host == f"{driving('Job')['metadata']['name']}-0.{service['metadata']['name']}"
    assert int(port) == service["spec"]["ports"][0]["port"]
    assert pod_spec(driving("Job"))["subdomain"] == service["metadata"]["name"]


def test_the_plain_nodes_fill_from_the_plain_origin() -> None:
    made = whole()
    config = load(
        Source.environment(filled(made, POD)), Source.toml(made.one("ConfigMap")["data"]["edge.toml"], "toml")
    )
    origin = made.one("Service", "origin")
    assert config.cache.origin == f"http://{origin['metadata']['name']}:{origin['spec']['ports'][0]['port']}"


def kustomizations() -> list[tuple[Path, dict[str, Any]]]:
    return [
        (path.parent, yaml.safe_load(path.read_text("utf-8"))) for path in PLACE.glob("*/kustomization.yaml")
    ]


def test_kustomizations_name_files_and_objects_that_there_are() -> None:
    """`make chart` builds them too."""
    known = {
        (one["kind"], one["metadata"]["name"])
        for one in [*whole().objects, *parse((PLACE / "plain/namespace.yaml").read_text())]
    }
    assert {place.name for place, _ in kustomizations()} == {"plain", "demo", "overlay", "loadtest"}
    for place, one in kustomizations():
        assert all((place / path).exists() for path in one["resources"])
        for patch in one.get("patches", []):
            assert (patch["target"]["kind"], patch["target"]["name"]) in known
            assert "patch" in patch or (place / patch["path"]).exists()
        for scaled in one.get("replicas", []):
            assert ("StatefulSet", scaled["name"]) in known


KIND: Object = yaml.safe_load((PLACE / "kind-config.yaml").read_text("utf-8"))


def test_kind_has_three_workers_in_three_zones() -> None:
    zones = [one["labels"]["topology.kubernetes.io/zone"] for one in KIND["nodes"] if one["role"] == "worker"]
    assert len(zones) == len(set(zones)) == 3


def test_every_port_of_the_quick_start_leads_through_kind_under_its_own_number() -> None:
    made = render(values_of(PLACE / "kind-values.yaml"))
    used = [
        port["nodePort"] for one in made.all("Service") for port in one["spec"]["ports"] if "nodePort" in port
    ]
    mappings = [one for node in KIND["nodes"] for one in node.get("extraPortMappings", [])]
    assert sorted(used) == sorted(one["hostPort"] for one in mappings) == [30_000, 30_001, 30_002, 30_080]
    assert all(
        one["hostPort"] == one["containerPort"] and one["listenAddress"] == "127.0.0.1" for one in mappings
    )
    assert filled(made, POD)["EDGE_PUBLIC_ADVERTISE"] == "http://127.0.0.1:30001"


@pytest.mark.parametrize(
    "path",
    [*sorted(PLACE.glob("*-values.yaml")), PLACE / "monitoring/edge-values.yaml"],
    ids=lambda path: path.name,
)
def test_values_of_the_quick_starts_fit_the_chart(path: Path) -> None:
    made = render(values_of(path))
    assert not [error for one in made.objects for error in schema_errors(one, NEWEST)]
    assert not [error for rule in RULES for error in rule(made)]


def test_the_readme_names_files_that_there_are() -> None:
    named = set(re.findall(r"(?:manifests|helm/edge)/[\w./-]+\.yaml|manifests/\w+(?=[ \n;:])", README))
    assert len(named) > 8
    assert not [path for path in named if not (ROOT / path).exists()]
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert not [link for link in links if "://" not in link and not (PLACE / link).exists()]


def test_the_template_of_minikube_passes_helms_own_reading() -> None:
    (expression,) = re.findall(r'--set "(public\.template=[^"]+)"', README)
    given = helm_python.parse_set_string(expression.replace("$(minikube ip)", "192.0.2.1"))
    values = values_of(PLACE / "kind-values.yaml")
    values["public"] |= given["public"]
    assert filled(render(values), POD)["EDGE_PUBLIC_ADVERTISE"] == "http://192.0.2.1:30001"


def test_secrets_that_the_readme_makes_are_those_that_the_pods_mount() -> None:
    made = dict(re.findall(r"create secret generic (\S+) --from-literal=(\w+)=", README))
    mounted = {one["secret"]["secretName"] for one in whole().pod["volumes"] if "secret" in one}
    assert made.keys() == mounted
    env = whole().env
    assert env["EDGE_GOSSIP_KEYS_FILE"].endswith(f"/{made['edge-keys']}")
    assert env["EDGE_ADMIN_TOKEN_FILE"].endswith(f"/{made['edge-admin']}")


@needs("promtool")
def test_promtool_accepts_the_plain_prometheus(tmp_path: Path) -> None:
    objects = parse((PLACE / "monitoring/prometheus.yaml").read_text("utf-8"))
    (config,) = [one["data"]["prometheus.yml"] for one in objects if one["kind"] == "ConfigMap"]
    known = yaml.safe_load(config)
    del known["scrape_configs"][0]["kubernetes_sd_configs"]  # Debian builds Prometheus without it
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(known), "utf-8")
    command = ["promtool", "check", "config", "--syntax-only", str(tmp_path / "prometheus.yml")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plain_prometheus_keeps_the_pods_of_edge_and_their_admin_port() -> None:
    objects = parse((PLACE / "monitoring/prometheus.yaml").read_text("utf-8"))
    (config,) = [
        yaml.safe_load(one["data"]["prometheus.yml"]) for one in objects if one["kind"] == "ConfigMap"
    ]
    (scrape,) = config["scrape_configs"]
    kept = {
        one["source_labels"][0]: one["regex"]
        for one in scrape["relabel_configs"]
        if one.get("action") == "keep"
    }
    made = whole()
    assert kept["__meta_kubernetes_pod_container_port_name"] in {port["name"] for port in made.edge["ports"]}
    labels = made.one("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert (
        kept["__meta_kubernetes_pod_label_app_kubernetes_io_component"]
        == labels["app.kubernetes.io/component"]
    )
