"""docs/METRICS.md is current, and every metric is as Prometheus wants it."""

import asyncio
import re
import subprocess

import pytest
from prometheus_client.parser import text_string_to_metric_families

from edge.shell.metrics import exposition
from monitoring import catalogue
from monitoring.catalogue import Entry
from needs import needs

# Names that say their unit otherwise than Prometheus advises, and why they stay.
ODD_UNITS = {
    "edge_quality_kbps": "CMCD tells bitrates in kb/s, and so do caps; docs/quality.md",
    "edge_quality_reach_kbps": "as above",
    "edge_quality_cap_kbps": "as above",
    "edge_schedule_seconds_until": "scalers are told of it in docs/schedule.md",
}
# Every label, and what bounds how many values it can have.
LABELS = {
    "accepted_by": "members: gossip.members_max",
    "binding": "streams, bandwidth or lag",
    "class": "regular or urgent",
    "cluster": "of this node: one series",
    "code": "2xx to 5xx",
    "event": "events at a time: SCHEDULED_MAX",
    "format": "hls or dash",
    "isp": "of this node, or one of PLACES_SHOWN",
    "key": "the id of one: one series",
    "mode": "the modes of Monsoon",
    "name": "of this node: one series",
    "origin": "those that the configuration names",
    "outcome": "of checks: passed or failed; of spans: sent, failed or dropped; of fills four",
    "reason": "words of the program, a fixed few for each counter",
    "region": "of this node: one series",
    "status": "the four of a member",
    "tier": "memory, disk, nginx",
    "to": "members: gossip.members_max",
    "zone": "of this node, one of PLACES_SHOWN, or of members and scheduled events",
}
# What Prometheus, its operator or a relabeling calls a target by: a metric's own label of that name would be renamed.
OF_TARGETS = {"container", "endpoint", "instance", "job", "namespace", "node", "pod", "service"}
_MEASURES = r"(seconds|bytes|ratio)"
_SMALL = (
    r"_(ms|us|ns|milliseconds|minutes|hours|kb|mb|gb|kib|mib|gib|kilobytes|megabytes|percent|kbps|mbps)(_|$)"
)


@pytest.fixture(scope="module")
def told() -> tuple[list[Entry], list[str]]:
    """All metrics, and what a node of each backend answers."""

    async def ask() -> tuple[list[Entry], list[str]]:
        async with catalogue.nodes() as nodes:
            families = catalogue.entries_of(nodes)
            return families, [exposition(node._collector).decode() for node in nodes]

    return asyncio.run(ask())


def wrong(one: Entry) -> list[str]:
    """What is against the conventions in one metric."""
    bare = one.name.removesuffix("_total")
    found = []
    if not re.fullmatch(r"edge_[a-z][a-z0-9]*(_[a-z0-9]+)*", one.name):
        found.append("is no snake_case of ours")
    if (one.kind == "counter") != one.name.endswith("_total"):
        found.append("counters end in _total, and nothing else does")
    if one.name not in ODD_UNITS and re.search(rf"_{_MEASURES}_", f"{bare}_".removesuffix("_")):
        found.append("its unit is not last")
    if one.name not in ODD_UNITS and re.search(_SMALL, bare):
        found.append("seconds, bytes and ratios are the units")
    if not re.fullmatch(r"[A-Z0-9a-z].{3,}\.", one.text):
        found.append("its meaning is no sentence")
    found += [f"label {label} is a target's" for label in one.labels if label in OF_TARGETS]
    return found + [f"label {label} is of no known bound" for label in one.labels if label not in LABELS]


def test_the_page_is_current(told: tuple[list[Entry], list[str]]) -> None:
    now = catalogue.page(told[0])
    assert catalogue.PAGE.read_text("utf-8") == now, "`make metrics ARGS=--write` writes docs/METRICS.md"


def test_names_units_labels_and_meanings_follow_the_conventions(told: tuple[list[Entry], list[str]]) -> None:
    assert len(told[0]) > 150
    assert not [f"{one.name}: {problem}" for one in told[0] for problem in wrong(one)]


@pytest.mark.parametrize(
    "bad",
    [
        Entry("edge_sent", "counter", "Things sent.", ()),
        Entry("edge_sent_total", "gauge", "Things sent.", ()),
        Entry("edge_sent_bytes_here_total", "counter", "Things sent.", ()),
        Entry("edge_lag_ms", "gauge", "How late it is.", ()),
        Entry("edge_lag:seconds", "gauge", "How late it is.", ()),
        Entry("edge_viewers", "gauge", "Viewers.", ("session",)),
        Entry("edge_viewers", "gauge", "", ()),
        Entry("edge_viewers", "gauge", "Viewers.", ("node",)),
    ],
    ids=lambda one: one.name,
)
def test_what_breaks_them_is_found(bad: Entry) -> None:
    assert wrong(bad)


def test_no_label_of_a_target_has_a_bound_here() -> None:
    assert not OF_TARGETS & LABELS.keys()


def test_histograms_have_few_buckets_and_end_with_all(told: tuple[list[Entry], list[str]]) -> None:
    found = {one.name for one in told[0] if one.kind == "histogram"}
    assert len(found) >= 4
    for family in text_string_to_metric_families(told[1][0]):
        if family.name in found:
            buckets = [one for one in family.samples if one.name.endswith("_bucket")]
            kinds = {tuple(sorted(one.labels.items() - {("le", one.labels["le"])})) for one in buckets}
            assert len(buckets) <= 16 * len(kinds)
            assert sum(one.labels["le"] == "+Inf" for one in buckets) == len(kinds)


def test_nothing_odd_and_no_label_is_listed_in_vain(told: tuple[list[Entry], list[str]]) -> None:
    assert ODD_UNITS.keys() <= {one.name for one in told[0]}
    assert LABELS.keys() == {label for one in told[0] for label in one.labels}


def test_every_group_has_metrics_and_both_backends_are_there(told: tuple[list[Entry], list[str]]) -> None:
    assert {one.group for one in told[0]} == catalogue.GROUPS.keys()
    embedded, nginx = ({family.name for family in text_string_to_metric_families(text)} for text in told[1])
    assert nginx - embedded
    assert embedded - nginx
    assert embedded | nginx == {one.name.removesuffix("_total") for one in told[0]}


def test_no_series_is_told_twice(told: tuple[list[Entry], list[str]]) -> None:
    for text in told[1]:
        series = [line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")]
        assert len(series) == len({*series})


@needs("promtool")
def test_promtool_has_nothing_to_say(told: tuple[list[Entry], list[str]]) -> None:
    for text in told[1]:
        done = subprocess.run(
            ["promtool", "check", "metrics"],
            input=text,
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
