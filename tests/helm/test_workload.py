"""The StatefulSet: how pods start, update, leave, and who they are."""

import helm_python
import pytest

from edge import app
from edge.config import Source, load
from edge.config.sections import GossipConfig
from helm.pods import POD, filled, longest_suspicion_s
from helm.render import CHART, Rendered, Values, Where, render, values_of


@pytest.fixture(scope="module")
def made() -> Rendered:
    return render()


def test_three_pods_start_together_and_update_one_by_one(made: Rendered) -> None:
    spec = made.one("StatefulSet")["spec"]
    assert spec["replicas"] == 3
    assert spec["podManagementPolicy"] == "Parallel"
    assert spec["updateStrategy"] == {"type": "RollingUpdate"}
    assert spec["revisionHistoryLimit"] == 5
    assert spec["serviceName"] == "edge-headless"


@pytest.mark.parametrize(
    ("values", "gossip"),
    [
        ({"replicas": 1}, GossipConfig()),
        ({}, GossipConfig()),
        ({"replicas": 9}, GossipConfig()),
        ({"replicas": 300}, GossipConfig()),
        ({"config": {"gossip": {"suspicion_mult": 8}}}, GossipConfig(suspicion_mult=8)),
        ({"config": {"gossip": {"suspicion_min_s": 10}}}, GossipConfig(suspicion_min_s=10)),
        ({"config": {"gossip": {"suspicion_max_factor": 6}}}, GossipConfig(suspicion_max_factor=6)),
        ({"config": {"gossip": {"probe_period_quiet_s": 2}}}, GossipConfig(probe_period_quiet_s=2)),
    ],
)
def test_a_rolling_update_waits_longer_than_any_suspicion(values: Values, gossip: GossipConfig) -> None:
    seconds = render(values).one("StatefulSet")["spec"]["minReadySeconds"]
    least = longest_suspicion_s(int(values.get("replicas", 3)), gossip)
    assert least < seconds < 2 * least + 8


def test_min_ready_seconds_can_be_set_and_a_short_one_is_warned_of() -> None:
    made = render({"minReadySeconds": 1})
    assert made.one("StatefulSet")["spec"]["minReadySeconds"] == 1
    assert "minReadySeconds is 1" in made.notes


def test_rendering_fails_when_a_pod_would_be_killed_while_it_drains() -> None:
    with pytest.raises(
        helm_python.HelmError, match=r"terminationGracePeriodSeconds is 30: a pod needs 66 .*drain 30"
    ):
        render({"config": {"node": {"drain_s": 30}}})
    with pytest.raises(helm_python.HelmError, match="terminationGracePeriodSeconds is 15: a pod needs 16"):
        render({"terminationGracePeriodSeconds": 15})
    render({"terminationGracePeriodSeconds": 16})


def test_the_time_that_rendering_asks_for_is_what_the_program_takes() -> None:
    assert app.LINGER_S <= 1, "edge.checkTime in helm/edge/templates/_checks.tpl"
    assert app.CLOSE_S <= 2


def test_leave_is_by_sigterm_not_by_a_hook(made: Rendered) -> None:
    assert "lifecycle" not in made.edge
    assert made.pod["terminationGracePeriodSeconds"] == 30


def test_probes_look_only_at_the_own_process(made: Rendered) -> None:
    for probe, path in (
        ("startupProbe", "/readyz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ):
        assert made.edge[probe]["httpGet"] == {"path": path, "port": "http-admin"}


def test_start_up_covers_the_join(made: Rendered) -> None:
    probe = made.edge["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > 10 * app.JOIN_PATIENCE_S


def test_the_cpu_is_asked_for_but_not_limited(made: Rendered) -> None:
    assert made.edge["resources"]["requests"]["cpu"]
    assert "cpu" not in made.edge["resources"]["limits"]
    assert made.edge["resources"]["limits"]["memory"]
    assert "resources.limits.cpu is set" in render({"resources": {"limits": {"cpu": "1"}}}).notes


def test_identity_comes_from_the_pod(made: Rendered) -> None:
    env = made.env
    assert env["EDGE_NODE_NAME"] == "<metadata.name>"
    assert env["EDGE_KUBERNETES_NAMESPACE"] == "<metadata.namespace>"
    assert env["EDGE_KUBERNETES_NODE_NAME"] == "<spec.nodeName>"
    assert env["EDGE_POD_IP"] == "<status.podIP>"
    assert env["EDGE_GOSSIP_BIND"] == "[$(EDGE_POD_IP)]:7700"
    assert env["EDGE_ADMIN_ADVERTISE"] == "http://$(EDGE_POD_IP):7701"


def test_the_cluster_is_namespace_and_release() -> None:
    assert render(where=Where(name="on")).env["EDGE_NODE_CLUSTER"] == "$(EDGE_KUBERNETES_NAMESPACE)/on"
    assert "cluster video/on" in render(where=Where(name="on")).notes
    assert render({"clusterId": "india"}).env["EDGE_NODE_CLUSTER"] == "india"


def test_no_pod_is_special(made: Rendered) -> None:
    """All pods have one template; none of its settings names a pod or a number."""
    assert (
        made.env["EDGE_GOSSIP_SEEDS"] == "edge-headless.$(EDGE_KUBERNETES_NAMESPACE).svc.cluster.local:7700"
    )
    assert not [value for value in made.env.values() if "edge-0" in value]


def test_seeds_of_other_places_come_after_the_own() -> None:
    values = {"gossip": {"extraSeeds": ["a.example:7700"]}, "clusterDomain": "k8s.example"}
    own, other = render(values).env["EDGE_GOSSIP_SEEDS"].split(",")
    assert own.endswith(".svc.k8s.example:7700")
    assert other == "a.example:7700"


@pytest.mark.parametrize("path", sorted((CHART / "ci").glob("*-values.yaml")), ids=lambda path: path.stem)
def test_the_program_accepts_the_settings_that_the_chart_gives(path: str) -> None:
    values = values_of(CHART / path)
    made = render(values)
    v6 = values.get("ipFamily") == "IPv6"
    fields = POD | ({"status.podIP": "fd00::3", "status.hostIP": "fd00::7"} if v6 else {})
    toml = made.one("ConfigMap", "node")["data"]["edge.toml"]
    config = load(Source.environment(filled(made, fields)), Source.toml(toml, "edge.toml"))
    assert config.node.name == "edge-1"
    assert config.gossip.bind == ("[fd00::3]:7700" if v6 else "[10.1.2.3]:7700")
    pod = "[fd00::3]:7701" if v6 else "10.1.2.3:7701"
    assert config.admin.advertise == f"{config.admin.scheme}://{pod}"
    assert config.log.format == "json"
    assert config.node.drain_s == values.get("config", {}).get("node", {}).get("drain_s", 5)


def test_settings_reach_the_program_as_they_were_written() -> None:
    given = {
        "node": {"capacity": 5000, "tags": {"lat": "18.5", "a b": 'x"y'}, "isp": 'Jio "A"\n'},
        "cache": {"memory_bytes": 4_294_967_296},
        "gossip": {"tick_max_s": 1.5, "fanout": 4},
        "admin": {"page_origins": ["https://a.example"]},
    }
    made = render({"config": given})
    toml = made.one("ConfigMap", "node")["data"]["edge.toml"]
    config = load(Source.environment(filled(made, POD)), Source.toml(toml, "edge.toml"))
    assert config.node.capacity == 5000
    assert config.node.tags == {"lat": "18.5", "a b": 'x"y'}
    assert config.node.isp == 'Jio "A"\n'
    assert config.cache.memory_bytes == 4 << 30
    assert (config.gossip.tick_max_s, config.gossip.fanout) == (1.5, 4)
    assert config.admin.page_origins == ("https://a.example",)


def test_changed_settings_restart_the_pods_and_nothing_else_does() -> None:
    def checksum(values: Values) -> str:
        return str(
            render(values).one("StatefulSet")["spec"]["template"]["metadata"]["annotations"][
                "checksum/config"
            ]
        )

    assert checksum({}) == checksum({"service": {"type": "NodePort"}})
    assert checksum({}) != checksum({"config": {"node": {"capacity": 7}}})


def test_pods_spread_by_zone_and_host_but_start_in_any_case(made: Rendered) -> None:
    constraints = made.pod["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in constraints] == [
        "topology.kubernetes.io/zone",
        "kubernetes.io/hostname",
    ]
    for one in constraints:
        assert one["whenUnsatisfiable"] == "ScheduleAnyway"
        assert (
            one["labelSelector"]["matchLabels"] == made.one("StatefulSet")["spec"]["selector"]["matchLabels"]
        )
    own = [{"topologyKey": "rack", "maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule"}]
    assert render({"topologySpreadConstraints": own}).pod["topologySpreadConstraints"] == own
    assert "topologySpreadConstraints" not in render({"topologySpread": {"enabled": False}}).pod


def test_placement_is_handed_on() -> None:
    values = {
        "affinity": {"podAntiAffinity": {}},
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"disk": "fast"},
        "priorityClassName": "high",
        "schedulerName": "ours",
        "dnsConfig": {"options": [{"name": "ndots", "value": "1"}]},
    }
    pod = render(values).pod
    assert {key: pod[key] for key in values} == values


def test_the_cache_volume_is_bounded_and_a_claim_on_request() -> None:
    volumes = {one["name"]: one for one in render().pod["volumes"]}
    assert volumes["cache"]["emptyDir"] == {"sizeLimit": "1Gi"}
    made = render(values_of(CHART / "ci/hostport-values.yaml"))
    assert "cache" not in {one["name"] for one in made.pod["volumes"]}
    (claim,) = made.one("StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["metadata"]["name"] == "cache"
    assert claim["spec"]["resources"]["requests"]["storage"] == "50Gi"
    assert claim["spec"]["storageClassName"] == "fast"
    policy = made.one("StatefulSet")["spec"]["persistentVolumeClaimRetentionPolicy"]
    assert policy == {"whenDeleted": "Retain", "whenScaled": "Delete"}


@pytest.mark.parametrize(
    ("size", "bytes_"),
    [("1Gi", 858_993_459), ("10G", 8_000_000_000), ("2Ti", 1_759_218_604_441), ("512Mi", 429_496_729)],
)
def test_the_tier_on_disk_leaves_a_fifth_of_the_volume(size: str, bytes_: int) -> None:
    env = render({"nginx": {"enabled": False}, "cache": {"disk": True, "volume": {"size": size}}}).env
    assert env["EDGE_CACHE_DISK_MAX_BYTES"] == str(bytes_)
    mount = next(one["mountPath"] for one in render().edge["volumeMounts"] if one["name"] == "cache")
    assert env["EDGE_CACHE_DISK_PATH"].startswith(f"{mount}/")
    assert "EDGE_CACHE_DISK_PATH" not in render().env


def test_a_claim_holds_nothing_that_changes_with_the_version() -> None:
    (claim,) = render({"cache": {"persistence": {"enabled": True}}}).one("StatefulSet")["spec"][
        "volumeClaimTemplates"
    ]
    assert set(claim["metadata"]["labels"]) == {
        "app.kubernetes.io/name",
        "app.kubernetes.io/instance",
        "app.kubernetes.io/component",
    }
