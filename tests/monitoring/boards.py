"""The six dashboards; `make metrics ARGS=--write` writes them into the chart."""

import json
from dataclasses import dataclass
from pathlib import Path

from monitoring import boards_fleet, boards_node, boards_trust
from monitoring.panels import SCHEMA, TAG, Json, Panel, alert_marks, links, placed, variables

PLACE = Path(__file__).resolve().parents[2] / "helm/edge/dashboards"


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard; `uid` is for ever, links and bookmarks bear it."""

    uid: str
    title: str
    text: str
    panels: tuple[Panel, ...]
    of_node: bool = False

    @property
    def path(self) -> Path:
        """Where the chart has it."""
        return PLACE / f"{self.uid.removeprefix('edge-')}.json"

    def json(self) -> Json:
        """As Grafana imports it."""
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.text,
            "tags": [TAG],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": True,
            "graphTooltip": 1,  # one crosshair for all panels
            "timezone": "browser",
            "refresh": "10s",
            "time": {"from": "now-30m", "to": "now"},
            "timepicker": {},
            "annotations": {"list": [alert_marks()]},
            "templating": {"list": variables(node=self.of_node)},
            "links": links(),
            "panels": list(placed(self.panels)),
        }

    @property
    def text_of_file(self) -> str:
        """Its JSON, as it is kept."""
        return json.dumps(self.json(), indent=2, ensure_ascii=False) + "\n"


BOARDS = (
    Board(
        "edge-match-overview",
        "Match overview",
        "Whether the match plays: audience, room for more, refusals, what players tell.",
        boards_fleet.MATCH,
    ),
    Board(
        "edge-gossip-health",
        "Gossip health",
        "Whether nodes know each other: members, false alarms, loss, and what it costs.",
        boards_fleet.GOSSIP,
    ),
    Board(
        "edge-cache-origin",
        "Cache and origin",
        "What hits, what is fetched, from whom, and how origins bear it.",
        boards_fleet.CACHE,
    ),
    Board(
        "edge-monsoon-partitions",
        "Monsoon and partitions",
        "Which zones degrade their service or are cut off, and why.",
        boards_node.MONSOON,
    ),
    Board(
        "edge-trust-access",
        "Trust and access",
        "Whom nodes believe, which keys they hold, and who is refused at their ports.",
        boards_trust.TRUST,
    ),
    Board(
        "edge-node-detail", "Node detail", "One node, with everything it counts.", boards_node.DETAIL, True
    ),
)


def filled(expression: str, **values: str) -> str:
    """An expression as Grafana sends it: with values in place of `$` and a variable's name."""
    for name, value in values.items():
        expression = expression.replace(f"${name}", value)
    return expression
