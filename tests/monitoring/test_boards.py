"""The dashboards are what Grafana imports, say what they show, and ask for metrics that there are."""

import json
import re
from collections import Counter
from itertools import combinations
from typing import Any

import pytest

from helm.alerts import alerts
from helm.render import Where, render
from monitoring.boards import BOARDS, PLACE, Board, filled
from monitoring.catalogue import PAGE
from monitoring.panels import WIDTH, Panel, Steps, placed

Json = dict[str, Any]
UNITS = {"bps", "Bps", "bytes", "none", "ops", "percentunit", "pps", "reqps", "s", "short"}  # of Grafana's
KINDS = {"stat", "timeseries"}
OWN = {"up", "ALERTS"}  # of Prometheus itself
ENABLED = {"monitoring": {"dashboards": {"enabled": True}}}
MEASURED = dict.fromkeys(("cluster", "zone", "node"), "x") | {"__rate_interval": "1m"}

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda one: one.uid)


def kept(board: Board) -> Json:
    """What the chart has."""
    found: Json = json.loads(board.path.read_text("utf-8"))
    return found


def expressions(made: Json) -> list[str]:
    marks = [one["expr"] for one in made["annotations"]["list"]]
    return [target["expr"] for panel in made["panels"] for target in panel["targets"]] + marks


def metrics_of(expression: str) -> set[str]:
    """Names of metrics in an expression; label names and texts are taken out first."""
    bare = re.sub(r'"[^"]*"|\[[^\]]*\]', "", expression)
    bare = re.sub(r"\b(by|on|group_left|without)\s*\([^)]*\)|\{[^}]*\}", "", bare)
    words = set(re.findall(r"[A-Za-z_:][\w:]*(?!\w*\s*\()", bare))
    return words - {"and", "or", "bool", "unless", "job", "instance", "e"}


@each_board
def test_the_chart_has_the_board_as_it_is_made(board: Board) -> None:
    text = board.path.read_text("utf-8")
    assert text == board.text_of_file, "`make metrics ARGS=--write` writes the dashboards"


def test_the_chart_has_no_other_and_no_two_share_a_uid() -> None:
    assert {*PLACE.glob("*.json")} == {one.path for one in BOARDS}
    assert len({one.uid for one in BOARDS}) == len({one.title for one in BOARDS}) == len(BOARDS)
    assert all(re.fullmatch(r"[a-z][a-z-]{3,38}[a-z]", one.uid) for one in BOARDS)


@each_board
def test_it_has_the_fields_that_grafana_asks_for(board: Board) -> None:
    made = kept(board)
    assert isinstance(made["schemaVersion"], int)
    assert "id" not in made  # Grafana gives it; one that is there would overwrite another's
    assert made["timezone"] == "browser"
    assert made["tags"]
    assert made["time"].keys() == {"from", "to"}
    assert {"title", "description", "panels", "templating", "annotations", "links", "refresh"} <= made.keys()
    [link] = made["links"]
    assert link["tags"] == made["tags"]
    assert link["includeVars"]
    assert link["keepTime"]


@each_board
def test_cluster_and_zone_are_picked_and_the_node_where_there_is_one(board: Board) -> None:
    made = kept(board)
    names = [one["name"] for one in made["templating"]["list"]]
    assert names == ["datasource", "cluster", "zone", *(["node"] if board.of_node else [])]
    used = {name for one in expressions(made) for name in re.findall(r"\$(\w+)", one)}
    assert used <= {*names, "__rate_interval"}
    assert {*names} - {"datasource"} <= used
    for one in made["templating"]["list"]:
        assert one["label"]
        assert (one["type"] == "datasource") or one["definition"] == one["query"]["query"]


def crowded(panels: list[Json]) -> list[tuple[str, str]]:
    """Panels that lie on one another, or beyond the edge."""
    found = []
    for one, other in combinations(panels, 2):
        a, b = one["gridPos"], other["gridPos"]
        apart = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        if not (apart or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]):
            found.append((one["title"], other["title"]))
    return found + [(one["title"], "") for one in panels if one["gridPos"]["x"] + one["gridPos"]["w"] > WIDTH]


@each_board
def test_panels_have_numbers_and_places_of_their_own(board: Board) -> None:
    panels = kept(board)["panels"]
    assert 6 <= len(panels) <= 16
    assert [one["id"] for one in panels] == [*range(1, len(panels) + 1)]
    assert not crowded(panels)
    assert not [title for title, count in Counter(one["title"] for one in panels).items() if count > 1]


def test_panels_that_lie_on_one_another_are_found() -> None:
    panel = Panel(title="A", text="A.", unit="s", queries=(("a", "up"),), size=(12, 4))
    panels = list(placed([panel, panel, panel]))
    assert [(one["gridPos"]["x"], one["gridPos"]["y"]) for one in panels] == [(0, 0), (12, 0), (0, 4)]
    assert not crowded(panels)
    panels[1]["gridPos"]["x"] = 11
    assert crowded(panels)
    panels[1]["gridPos"]["x"] = 13
    assert crowded(panels)


@each_board
def test_every_panel_says_what_it_shows_and_in_what_unit(board: Board) -> None:
    for panel in kept(board)["panels"]:
        defaults = panel["fieldConfig"]["defaults"]
        assert panel["type"] in KINDS
        assert defaults["unit"] in UNITS, panel["title"]
        assert re.fullmatch(r"[A-Z0-9a-z].{15,}\.", panel["description"]), panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        steps = defaults["thresholds"]["steps"]
        values = [one["value"] for one in steps]
        assert values[0] is None
        assert values[1:] == sorted(values[1:])
        if panel["type"] == "timeseries":
            lined = defaults["custom"]["thresholdsStyle"]["mode"] != "off"
            assert lined is (len(steps) > 1), panel["title"]


@each_board
def test_every_query_has_a_letter_and_a_legend(board: Board) -> None:
    for panel in kept(board)["panels"]:
        letters = [one["refId"] for one in panel["targets"]]
        assert letters == sorted({*letters})
        assert letters
        for target in panel["targets"]:
            assert target["instant"] is (panel["type"] == "stat")
            assert target["range"] is not target["instant"]
            for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                assert re.search(rf"by \([^)]*\b{label}\b[^)]*\)", target["expr"]), panel["title"]
            assert target["legendFormat"]
            assert filled(target["expr"], **MEASURED).count("$") == 0


def test_thresholds_count_up_or_down() -> None:
    assert [one["color"] for one in Steps(1, 2).json["steps"]] == ["green", "orange", "red"]
    low = Panel(title="A", text="A.", unit="s", queries=(("a", "up"),), low=Steps(0.9, 0.5)).json(1, (0, 0))
    steps = low["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(one["color"], one["value"]) for one in steps] == [("red", None), ("orange", 0.5), ("green", 0.9)]


def test_expressions_and_alerts_ask_for_metrics_that_there_are() -> None:
    page = PAGE.read_text("utf-8")
    known = {*re.findall(r"^\| `(edge_\w+)`", page, re.MULTILINE)} | OWN
    histograms = re.findall(r"^\| `(edge_\w+)` \| histogram", page, re.MULTILINE)
    known |= {f"{name}_{part}" for name in histograms for part in ("bucket", "count", "sum")}
    asked = {name for board in BOARDS for one in expressions(kept(board)) for name in metrics_of(one)}
    asked |= {name for one in alerts() for name in metrics_of(one["expr"])}
    assert len(asked) > 50
    assert not asked - known


def test_alerts_that_panels_name_have_their_section_in_the_runbook() -> None:
    texts = [panel["description"] for board in BOARDS for panel in kept(board)["panels"]]
    named = {name for text in texts if "unbook" in text for name in re.findall(r"\bEdge[A-Z]\w+", text)}
    assert len(named) >= 5
    assert named <= {one["alert"] for one in alerts()}


def test_names_of_metrics_are_found_in_expressions() -> None:
    text = 'sum by (zone) (rate(edge_a_total{x="edge_no"}[$__rate_interval]) * on (job) group_left (zone) edge_b)'
    assert metrics_of(text) == {"edge_a_total", "edge_b"}
    assert metrics_of("edge_c > bool 0 or vector(0)") == {"edge_c"}


def test_there_are_none_in_the_cluster_unless_they_are_asked_for() -> None:
    assert render().all("ConfigMap", "monitoring") == []


def test_each_becomes_a_config_map_that_the_sidecar_finds() -> None:
    made = render(ENABLED).all("ConfigMap", "monitoring")
    assert len(made) == len(BOARDS)
    for board in BOARDS:
        [found] = [one for one in made if board.path.name in one["data"]]
        assert found["metadata"]["name"] == f"edge-{board.path.stem}"
        assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert found["metadata"]["annotations"]["grafana_folder"] == "Edge"
        assert json.loads(found["data"][board.path.name]) == board.json()
        assert (
            len(found["data"][board.path.name].encode()) < 256 * 1024
        )  # kubectl apply keeps a copy in 256 KiB


def test_labels_folder_and_namespace_are_the_user_s() -> None:
    given = {"enabled": True, "namespace": "grafana", "labels": {"board": "yes"}, "folder": "Video"}
    made = render({"monitoring": {"dashboards": given}}, Where(name="e" * 53)).all("ConfigMap", "monitoring")
    assert len({one["metadata"]["name"] for one in made}) == len(BOARDS)
    for one in made:
        assert one["metadata"]["namespace"] == "grafana"
        assert one["metadata"]["labels"]["board"] == "yes"
        assert one["metadata"]["annotations"]["grafana_folder"] == "Video"
