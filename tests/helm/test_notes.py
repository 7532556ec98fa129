"""What a user reads after an installation."""

import pytest

from helm.render import CHART, Values, Where, render, values_of

QUIET: Values = {
    "origin": {"url": "http://origin.example.com"},
    "gossip": {"existingSecret": "ring"},
    "monitoring": {"serviceMonitor": {"enabled": True}},
}


def test_notes_say_how_to_look_at_the_cluster() -> None:
    notes = render().notes
    for command in (
        "kubectl -n video exec edge-0 -c edge -- edge members",
        "kubectl -n video port-forward edge-0 7701:7701",
        "helm -n video test edge",
        "kubectl -n video get secret edge-admin -o jsonpath='{.data.token}'",
    ):
        assert f"  {command}" in notes
    assert "http://edge.video.svc.cluster.local:80/v1/route?path=/live/main.m3u8" in notes


def test_nothing_is_warned_of_where_all_is_well() -> None:
    assert "WARNING" not in render(QUIET).notes


@pytest.mark.parametrize(
    ("values", "warning"),
    [
        ({"gossip": {"existingSecret": ""}}, "no key ring was given"),
        ({"replicas": 1}, "one replica"),
        ({"origin": {"url": ""}}, "no origin"),
        ({"discovery": {"kubernetes": {"enabled": False}}}, "do not know their zones"),
        ({"resources": {"limits": {"cpu": "1"}}}, "resources.limits.cpu is set"),
        ({"minReadySeconds": 2}, "minReadySeconds is 2"),
        ({"monitoring": {}}, "nothing scrapes the pods"),
    ],
)
def test_each_warning_comes_alone(values: Values, warning: str) -> None:
    notes = render(QUIET | values).notes
    assert notes.count("WARNING") == 1
    assert warning in notes


def test_missing_kinds_are_warned_of() -> None:
    notes = render(QUIET | {"monitoring": {}}, Where(custom=())).notes
    assert "no Prometheus operator (monitoring.coreos.com/v1 is missing)" in notes


def test_a_zone_that_was_given_is_no_reason_to_warn() -> None:
    values = {"discovery": {"kubernetes": {"enabled": False}}, "config": {"node": {"zone": "pune"}}}
    assert "WARNING" not in render(QUIET | values).notes


def test_ways_from_outside_are_listed() -> None:
    notes = render(values_of(CHART / "ci/nodeport-values.yaml")).notes
    assert "https://edge.example.com/v1/route" in notes
    assert "live.example.com through the Gateway" in notes
