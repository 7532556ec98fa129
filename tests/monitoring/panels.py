"""What dashboards are made of: queries, panels, variables, as Grafana 11 reads them in JSON. Plain dictionaries.

`$cluster` and `$zone` pick nodes by `edge_node_info`, whose labels say who a node is: a query is joined with it by job
and instance, which every Prometheus gives to what it scrapes.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

SCHEMA = 39  # of Grafana 11.0; later ones read it too
TAG = "edge"
WIDTH = 24  # columns of a dashboard
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
CLUSTER = 'edge_node_info{cluster="$cluster"}'
PICKED = 'edge_node_info{cluster="$cluster",zone=~"$zone"}'
NODE = 'edge_node_info{cluster="$cluster",zone=~"$zone",name="$node"}'
_JOIN = "on (job, instance)"


def total(query: str, how: str = "sum", nodes: str = PICKED) -> str:
    """One value over all nodes that are picked."""
    return f"{how} ({query} and {_JOIN} {nodes})"


def by(label: str, query: str, how: str = "sum") -> str:
    """A value for each zone or name of a node; none of the metric's own labels is kept."""
    return f"{how} by ({label}) ({query} * {_JOIN} group_left ({label}) {PICKED})"


def split(labels: str, query: str, how: str = "sum", nodes: str = PICKED) -> str:
    """A value for each value of the metric's own labels."""
    return f"{how} by ({labels}) ({query} and {_JOIN} {nodes})"


def rate(metric: str, labels: str = "") -> str:
    """Of a counter, in each second."""
    return f"rate({metric}{labels}[$__rate_interval])"


def quantiles(histogram: str, labels: str = "", nodes: str = PICKED) -> tuple[tuple[str, str], ...]:
    """Legend and expression of what half of all values, 95 and 99 of a hundred do not exceed."""
    buckets = split("le", rate(f"{histogram}_bucket", labels), "sum", nodes)
    shares = {"half": 0.5, "95%": 0.95, "99%": 0.99}
    return tuple(
        (f"{name} within", f"histogram_quantile({share}, {buckets})") for name, share in shares.items()
    )


@dataclass(frozen=True, slots=True)
class Steps:
    """Colours from values on; green below the first."""

    orange: float | None = None
    red: float | None = None

    @property
    def json(self) -> Json:
        """As Grafana has it."""
        steps: list[Json] = [{"color": "green", "value": None}]
        steps += [
            {"color": color, "value": value}
            for color, value in (("orange", self.orange), ("red", self.red))
            if value is not None
        ]
        return {"mode": "absolute", "steps": steps}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One panel, before it has a place."""

    title: str
    text: str  # what it shows, what is good, what to do
    unit: str
    queries: tuple[tuple[str, str], ...]  # legend and expression
    kind: str = "timeseries"
    steps: Steps | None = None
    most: float | None = None  # end of the axis
    low: Steps | None = None  # as `steps`, where little is bad: red below `red`, orange below `orange`
    size: tuple[int, int] = (8, 8)  # columns, rows
    stacked: bool = False
    decimals: int | None = None
    words: dict[int, str] = field(default_factory=dict)  # in place of values

    def json(self, number: int, at: tuple[int, int]) -> Json:
        """With its number, at column and row."""
        width, height = self.size
        return {
            "id": number,
            "type": self.kind,
            "title": self.title,
            "description": self.text,
            "datasource": SOURCE,
            "gridPos": {"x": at[0], "y": at[1], "w": width, "h": height},
            "fieldConfig": {"defaults": self._defaults(), "overrides": []},
            "options": _stat_options() if self.kind == "stat" else _series_options(),
            "targets": [
                _target(chr(ord("A") + index), legend, expr, instant=self.kind == "stat")
                for index, (legend, expr) in enumerate(self.queries)
            ],
        }

    def _defaults(self) -> Json:
        made: Json = {
            "unit": self.unit,
            "min": 0,
            "color": {"mode": "thresholds" if self.kind == "stat" else "palette-classic"},
            "thresholds": self._thresholds(),
            "mappings": [_mapping(self.words)] if self.words else [],
        }
        if self.most is not None:
            made["max"] = self.most
        if self.decimals is not None:
            made["decimals"] = self.decimals
        if self.kind == "timeseries":
            made["custom"] = _drawn(lined=bool(self.steps or self.low), stacked=self.stacked)
        return made

    def _thresholds(self) -> Json:
        if self.low is None:
            return (self.steps or Steps()).json
        steps: list[Json] = [{"color": "red", "value": None}]
        if self.low.red is not None:
            steps.append({"color": "orange", "value": self.low.red})
        return {"mode": "absolute", "steps": [*steps, {"color": "green", "value": self.low.orange}]}


def _target(letter: str, legend: str, expr: str, *, instant: bool) -> Json:
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expr,
        "legendFormat": legend,
        "instant": instant,
        "range": not instant,
    }


def _mapping(words: dict[int, str]) -> Json:
    said = {str(value): {"text": text, "index": value} for value, text in words.items()}
    return {"type": "value", "options": said}


def _drawn(*, lined: bool, stacked: bool) -> Json:
    return {
        "drawStyle": "line",
        "lineWidth": 1,
        "fillOpacity": 25 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if lined else "off"},
    }


def _series_options() -> Json:
    calcs = ["lastNotNull", "max"]
    legend = {"showLegend": True, "displayMode": "table", "placement": "bottom", "calcs": calcs}
    return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}


def _stat_options() -> Json:
    return {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "textMode": "value",
        "orientation": "auto",
    }


def placed(panels: Sequence[Panel]) -> Iterator[Json]:
    """Beside each other as long as there is room, then below."""
    x = y = tallest = 0
    for number, panel in enumerate(panels, 1):
        width, height = panel.size
        if x + width > WIDTH:
            x, y, tallest = 0, y + tallest, 0
        yield panel.json(number, (x, y))
        x, tallest = x + width, max(tallest, height)


def _variable(name: str, label: str, query: str, *, several: bool) -> Json:
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "refresh": 2,  # when the range of time changes
        "regex": "",
        "sort": 1,
        "hide": 0,
        "skipUrlSync": False,
        "multi": several,
        "includeAll": several,
        "allValue": ".*" if several else None,
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]} if several else {},
        "options": [],
    }


def _source_variable() -> Json:
    return {
        "name": "datasource",
        "label": "Data source",
        "type": "datasource",
        "query": "prometheus",
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "skipUrlSync": False,
        "multi": False,
        "includeAll": False,
        "current": {},
        "options": [],
    }


def variables(*, node: bool) -> list[Json]:
    """What is picked at the top of a dashboard."""
    found = [
        _source_variable(),
        _variable("cluster", "Cluster", "label_values(edge_node_info, cluster)", several=False),
        _variable("zone", "Zone", f"label_values({CLUSTER}, zone)", several=True),
    ]
    if node:
        found.append(_variable("node", "Node", f"label_values({PICKED}, name)", several=False))
    return found


def alert_marks() -> Json:
    """The moments at which an alert of ours fired."""
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Edge.+",alertstate="firing"}',
        "step": "30s",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{pod}}",
        "tagKeys": "severity",
        "useValueForTime": False,
    }


def links() -> list[Json]:
    """To the other dashboards, with what is picked and the range of time."""
    return [
        {
            "type": "dashboards",
            "title": "edge",
            "tags": [TAG],
            "asDropdown": False,
            "includeVars": True,
            "keepTime": True,
            "targetBlank": False,
            "icon": "external link",
            "tooltip": "",
            "url": "",
        }
    ]
