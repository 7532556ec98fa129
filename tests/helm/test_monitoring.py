"""Monitors, alerts with their tests by promtool, dashboards."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from helm.alerts import RULES, alerts
from helm.render import CHART, CUSTOM, Values, Where, render, render_anew, values_of
from needs import needs


def test_nothing_by_default() -> None:
    made = render()
    assert not [one for one in made.objects if one["apiVersion"].startswith("monitoring.coreos.com")]


def test_a_service_monitor_finds_the_headless_service() -> None:
    made = render(values_of(CHART / "ci/production-values.yaml"))
    monitor = made.one("ServiceMonitor")
    service = made.one("Service", "headless")
    assert monitor["spec"]["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert monitor["spec"]["namespaceSelector"]["matchNames"] == ["video"]
    assert monitor["metadata"]["namespace"] == "monitoring"
    assert monitor["metadata"]["labels"]["release"] == "prometheus"
    (endpoint,) = monitor["spec"]["endpoints"]
    assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
    assert endpoint["path"] == "/metrics"
    assert endpoint["relabelings"][0]["targetLabel"] == "node"
    assert endpoint["metricRelabelings"][0]["action"] == "drop"


def test_a_pod_monitor_finds_the_pods() -> None:
    made = render({"monitoring": {"podMonitor": {"enabled": True}}})
    spec = made.one("PodMonitor")["spec"]
    labels = made.one("StatefulSet")["spec"]["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"].items() <= labels.items()
    assert spec["podMetricsEndpoints"][0]["port"] in {port["name"] for port in made.edge["ports"]}


def test_both_monitors_are_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="would scrape every pod twice"):
        render({"monitoring": {"serviceMonitor": {"enabled": True}, "podMonitor": {"enabled": True}}})


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"monitoring": {"serviceMonitor": {"enabled": True}}}, "ServiceMonitor"),
        ({"monitoring": {"podMonitor": {"enabled": True}}}, "PodMonitor"),
        ({"monitoring": {"prometheusRule": {"enabled": True}}}, "PrometheusRule"),
        ({"httpRoute": {"enabled": True, "parentRefs": [{"name": "a"}]}}, "HTTPRoute"),
    ],
)
def test_a_kind_that_the_cluster_lacks_is_named(values: Values, kind: str) -> None:
    others = tuple(one for one in CUSTOM if not one.endswith(kind))
    with pytest.raises(
        helm_python.HelmError, match=rf"needs {kind} of .* install .* first, or set .*\.enabled to false"
    ):
        render(values, Where(custom=others))


def test_every_alert_has_a_runbook_with_a_section_of_its_name() -> None:
    sections = {
        one.lower()
        for one in re.findall(r"^## (\w+)$", (CHART / "RUNBOOK.md").read_text("utf-8"), re.MULTILINE)
    }
    assert len(alerts()) >= 8
    for one in alerts():
        url, _, anchor = one["annotations"]["runbook_url"].partition("#")
        assert url == "https://docs.example/edge"
        assert anchor in sections
        assert one["labels"]["severity"] in ("warning", "critical")
        assert one["annotations"]["summary"].endswith(".")


def test_alerts_are_of_this_release_alone() -> None:
    for one in alerts():
        selectors = re.findall(r"\{([^}]*)\}", one["expr"])
        assert selectors
        assert all('namespace="video",job="edge"' in selector for selector in selectors), one["alert"]


def test_labels_and_rules_of_ones_own_are_added() -> None:
    extra = {"alert": "Own", "expr": "vector(1)"}
    given = RULES["monitoring"]["prometheusRule"] | {"alertLabels": {"team": "video"}, "extraRules": [extra]}
    found = alerts({"monitoring": {"prometheusRule": given}})
    assert found[-1] == extra
    assert {one["labels"]["team"] for one in found[:-1]} == {"video"}


def rule_file(directory: Path) -> Path:
    made = directory / "rules.yaml"
    made.write_text(yaml.safe_dump(render(RULES).one("PrometheusRule")["spec"]), "utf-8")
    return made


@needs("promtool")
def test_promtool_accepts_the_rules(tmp_path: Path) -> None:
    done = subprocess.run(
        ["promtool", "check", "rules", rule_file(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@needs("promtool")
def test_each_alert_fires_when_it_should_and_only_then(tmp_path: Path) -> None:
    rule_file(tmp_path)
    shutil.copy(Path(__file__).with_name("alerts_test.yaml"), tmp_path)
    command = ["promtool", "test", "rules", str(tmp_path / "alerts_test.yaml")]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_alert_has_a_case() -> None:
    cases = yaml.safe_load(Path(__file__).with_name("alerts_test.yaml").read_text("utf-8"))["tests"]
    asked = [one for case in cases for one in case["alert_rule_test"]]
    firing = {one["alertname"] for one in asked if one["exp_alerts"]}
    silent = {one["alertname"] for one in asked if not one["exp_alerts"]}
    assert firing == silent == {one["alert"] for one in alerts()}


def test_a_dashboard_becomes_a_config_map(tmp_path: Path) -> None:
    copied = shutil.copytree(CHART, tmp_path / "edge")
    board: dict[str, Any] = {"title": "Overview", "panels": [{"legend": "{{pod}}"}]}
    (copied / "dashboards/overview.json").write_text(json.dumps(board, indent=2), "utf-8")
    values = {"monitoring": {"dashboards": {"enabled": True, "folder": "Video"}}}
    made = render_anew(values, Where(), helm_python.Chart.load(copied))
    (found,) = [one for one in made.all("ConfigMap") if one["metadata"]["name"] == "edge-overview"]
    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"]["grafana_folder"] == "Video"
    assert json.loads(found["data"]["overview.json"]) == board
