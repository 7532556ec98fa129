"""Autoscalers and the disruption budget."""

import helm_python
import pytest

from edge.config.sections import GossipConfig
from helm.pods import longest_suspicion_s
from helm.render import CHART, Rendered, Values, Where, render, values_of


def scaled(**autoscaling: object) -> Rendered:
    return render({"autoscaling": {"enabled": True, **autoscaling}})


def test_no_autoscaler_by_default() -> None:
    made = render()
    assert not made.all("HorizontalPodAutoscaler")
    assert not made.all("ScaledObject")


@pytest.mark.parametrize("name", ["production", "custom-metrics", "keda"])
def test_replicas_are_left_to_the_autoscaler(name: str) -> None:
    made = render(values_of(CHART / f"ci/{name}-values.yaml"))
    assert "replicas" not in made.one("StatefulSet")["spec"]
    assert len(made.all("HorizontalPodAutoscaler") + made.all("ScaledObject")) == 1


def test_cpu_is_that_of_the_edge_container() -> None:
    spec = scaled().one("HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "edge"}
    (metric,) = spec["metrics"]
    assert metric["containerResource"]["container"] == "edge"
    assert metric["containerResource"]["target"] == {"type": "Utilization", "averageUtilization": 70}


def test_pods_go_one_a_period_and_after_every_suspicion() -> None:
    down = scaled(maxReplicas=300).one("HorizontalPodAutoscaler")["spec"]["behavior"]["scaleDown"]
    assert down["stabilizationWindowSeconds"] > longest_suspicion_s(300, GossipConfig())
    assert [(one["type"], one["value"]) for one in down["policies"]] == [("Pods", 1)]
    keda = render(values_of(CHART / "ci/keda-values.yaml")).one("ScaledObject")["spec"]
    assert keda["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]["scaleDown"] == down


def test_a_window_shorter_than_a_suspicion_is_refused() -> None:
    with pytest.raises(
        helm_python.HelmError, match="scaleDownStabilizationSeconds is 5: a suspicion can last"
    ):
        scaled(scaleDownStabilizationSeconds=5)


def test_custom_metrics_and_triggers_are_handed_on() -> None:
    custom = values_of(CHART / "ci/custom-metrics-values.yaml")
    found = render(custom).one("HorizontalPodAutoscaler")["spec"]["metrics"]
    assert found == custom["autoscaling"]["custom"]["metrics"]
    keda = values_of(CHART / "ci/keda-values.yaml")
    assert render(keda).one("ScaledObject")["spec"]["triggers"] == keda["autoscaling"]["keda"]["triggers"]


METRIC = {"type": "Pods"}
TRIGGER = {"type": "cpu"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"type": "cpu", "custom": {"metrics": [METRIC]}},
            "at '/autoscaling/custom/metrics': maxItems: got 1, want 0",
        ),
        (
            {"type": "cpu", "keda": {"triggers": [TRIGGER]}},
            "at '/autoscaling/keda/triggers': maxItems: got 1, want 0",
        ),
        ({"type": "custom"}, "at '/autoscaling/custom/metrics': minItems: got 0, want 1"),
        ({"type": "keda"}, "at '/autoscaling/keda/triggers': minItems: got 0, want 1"),
        (
            {"type": "keda", "custom": {"metrics": [METRIC]}, "keda": {"triggers": [TRIGGER]}},
            "at '/autoscaling/custom/metrics': maxItems: got 1, want 0",
        ),
    ],
)
def test_one_kind_of_autoscaler_excludes_the_others(values: Values, message: str) -> None:
    with pytest.raises(helm_python.HelmError, match="autoscaling") as raised:
        scaled(**values)
    assert message in str(raised.value)


def test_keda_without_keda_says_what_is_missing() -> None:
    with pytest.raises(
        helm_python.HelmError, match=r"ScaledObject of keda\.sh/v1alpha1, which this cluster does not have"
    ):
        render(values_of(CHART / "ci/keda-values.yaml"), Where(custom=()))


def test_bounds_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="minReplicas is 5, above maxReplicas, 4"):
        scaled(minReplicas=5, maxReplicas=4)


def test_cpu_without_a_request_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match=r"needs resources\.requests\.cpu"):
        render({"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}})


def test_the_budget_lets_one_go_and_never_blocks_for_a_broken_pod() -> None:
    spec = render().one("PodDisruptionBudget")["spec"]
    assert spec["maxUnavailable"] == 1
    assert spec["unhealthyPodEvictionPolicy"] == "AlwaysAllow"


def test_no_budget_for_one_pod() -> None:
    assert not render({"replicas": 1}).all("PodDisruptionBudget")
    assert not scaled(minReplicas=1).all("PodDisruptionBudget")
    assert "WARNING: one replica" in render({"replicas": 1}).notes
