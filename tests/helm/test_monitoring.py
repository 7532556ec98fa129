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

ROOT = CHART.parents[1]
CASES = sorted(Path(__file__).parent.glob("alerts_*test.yaml"))
MATCH = "a match as it should be"


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


def test_every_alert_leads_to_its_page() -> None:
    assert len(alerts()) >= 30
    for one in alerts():
        assert one["annotations"]["runbook_url"] == f"https://docs.example/{one['alert']}"
        assert one["labels"]["severity"] in ("warning", "critical")
        assert one["annotations"]["summary"].endswith(".")


def test_by_default_it_leads_to_the_page_in_this_project() -> None:
    for one in alerts({"monitoring": {"prometheusRule": {"enabled": True}}}):
        assert (ROOT / one["annotations"]["runbook_url"]).is_file()


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
    copies = [shutil.copy(one, tmp_path) for one in CASES]
    command = ["promtool", "test", "rules", *map(str, copies)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=90)
    assert done.returncode == 0, done.stdout + done.stderr


def cases() -> list[Any]:
    return [case for one in CASES for case in yaml.safe_load(one.read_text("utf-8"))["tests"]]


def seconds(text: str) -> int:
    """`1h5m` in seconds."""
    units = {"s": 1, "m": 60, "h": 3600}
    return sum(int(count) * units[unit] for count, unit in re.findall(r"(\d+)([smh])", text))


def test_every_alert_fires_in_a_case_and_neither_before_nor_after_what_is_wrong() -> None:
    found: dict[str, set[str]] = {one["alert"]: set() for one in alerts()}
    for case in cases():
        told: dict[str, list[tuple[int, bool]]] = {}
        for one in case["alert_rule_test"]:
            told.setdefault(one["alertname"], []).append((seconds(one["eval_time"]), bool(one["exp_alerts"])))
        for name, times in told.items():
            firing = [at for at, fires in times if fires]
            found[name] |= {"fires"} if firing else {"silent"}
            if firing:
                found[name] |= {"before"} if any(at < min(firing) for at, _ in times) else set()
                found[name] |= {"after"} if any(at > max(firing) for at, _ in times) else set()
    assert not {name for name, kinds in found.items() if not {"fires", "before", "after"} <= kinds}


def test_a_normal_match_has_all_that_alerts_ask_for_and_none_fires_in_it() -> None:
    """promtool runs the case; here it is held to be about every alert, at several times."""
    (case,) = [one for one in cases() if one["name"] == MATCH]
    asked = {one["alertname"] for one in case["alert_rule_test"]}
    assert asked == {one["alert"] for one in alerts()}
    assert not [one for one in case["alert_rule_test"] if one["exp_alerts"]]
    there = {re.match(r"\w+", one["series"])[0] for one in case["input_series"]}  # type: ignore[index]
    for one in alerts():
        missing = {*re.findall(r"\b(?:up|edge_\w+)(?=\{)", one["expr"])} - there
        assert not missing, f"{one['alert']} asks for what the match does not have: {missing}"


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
