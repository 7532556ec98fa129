"""Services, addresses of single pods, Ingress and HTTPRoute, NetworkPolicy."""

import helm_python
import pytest

from helm.pods import POD, filled
from helm.render import CHART, Object, Rendered, Values, render, values_of


@pytest.fixture(scope="module")
def made() -> Rendered:
    return render()


def test_the_headless_service_names_all_pods_and_the_client_service_the_ready_ones(made: Rendered) -> None:
    headless, public = made.one("Service", "headless")["spec"], made.one("Service", "public")["spec"]
    assert headless["clusterIP"] == "None"
    assert headless["publishNotReadyAddresses"] is True
    assert [(one["name"], one["protocol"]) for one in headless["ports"]] == [
        ("udp-gossip", "UDP"),
        ("http-admin", "TCP"),
    ]
    assert "publishNotReadyAddresses" not in public
    assert [(one["name"], one["port"], one["appProtocol"]) for one in public["ports"]] == [
        ("http-public", 80, "http")
    ]


def test_the_admin_port_is_on_no_service_with_an_address(made: Rendered) -> None:
    for one in made.all("Service"):
        if one["spec"].get("clusterIP") != "None":
            assert "http-admin" not in {port["name"] for port in one["spec"]["ports"]}


def test_gossip_has_no_cluster_ip_and_no_host_port() -> None:
    for path in (CHART / "ci").glob("*-values.yaml"):
        made = render(values_of(path))
        assert "hostPort" not in next(one for one in made.edge["ports"] if one["name"] == "udp-gossip")
        holders = [
            one for one in made.all("Service") if "udp-gossip" in {p["name"] for p in one["spec"]["ports"]}
        ]
        assert [one["spec"]["clusterIP"] for one in holders] == ["None"]


def test_one_number_for_two_ports_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match=r"give each a number of its own .*105610"):
        render({"admin": {"port": 7700}})


def test_dual_stack_is_of_all_services() -> None:
    values = {"service": {"ipFamilyPolicy": "PreferDualStack", "ipFamilies": ["IPv6", "IPv4"]}}
    for one in render(values | {"public": {"advertise": "template"}}).all("Service"):
        assert one["spec"]["ipFamilyPolicy"] == "PreferDualStack"
        assert one["spec"]["ipFamilies"] == ["IPv6", "IPv4"]


def public_url(values: Values) -> str:
    """What the pod edge-1 tells viewers."""
    return filled(render(values), POD)["EDGE_PUBLIC_ADVERTISE"]


@pytest.mark.parametrize(
    ("public", "url"),
    [
        ({}, "http://10.1.2.3:7780"),
        ({"advertise": "template"}, "https://edge-1.edge.example.com"),
        (
            {"advertise": "template", "template": "http://edge.example.com:3000{ordinal}"},
            "http://edge.example.com:30001",
        ),
        (
            {"advertise": "template", "template": "http://{pod}.{namespace}.{node}.example.com/"},
            "http://edge-1.video.worker-2.example.com",
        ),
        ({"advertise": "hostPort"}, "http://192.0.2.7:7780"),
        ({"advertise": "hostPort", "hostPort": {"port": 8080}}, "http://192.0.2.7:8080"),
        (
            {"advertise": "hostPort", "hostPort": {"template": "https://{node}.example.com:{port}"}},
            "https://worker-2.example.com:7780",
        ),
    ],
)
def test_each_way_of_reaching_one_pod(public: Values, url: str) -> None:
    assert public_url({"public": public}) == url


@pytest.mark.parametrize(
    ("advertise", "word"),
    [
        ("podIP", "inside the cluster only"),
        ("template", "the Service of that pod"),
        ("hostPort", "nodes' firewall"),
    ],
)
def test_notes_say_which_way_is_on_and_what_it_means(advertise: str, word: str) -> None:
    notes = render({"public": {"advertise": advertise}}).notes
    assert f"public.advertise is {advertise}" in notes
    assert word in notes


def test_a_template_without_the_pod_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match="at '/public/template'"):
        render({"public": {"advertise": "template", "template": "https://edge.example.com"}})


def test_a_misspelt_placeholder_is_refused() -> None:
    with pytest.raises(helm_python.HelmError, match=r"holds \{pood\}; known are \{pod\}"):
        render({"public": {"advertise": "template", "template": "https://{pod}.{pood}.example.com"}})


def pod_services(values: Values) -> list[Object]:
    return render(values).all("Service", "pod")


def test_each_pod_has_a_service_that_external_dns_names() -> None:
    found = pod_services({"public": {"advertise": "template"}})
    assert [one["metadata"]["name"] for one in found] == ["edge-0", "edge-1", "edge-2"]
    for one in found:
        name = one["metadata"]["name"]
        assert one["spec"]["selector"]["statefulset.kubernetes.io/pod-name"] == name
        annotations = one["metadata"]["annotations"]
        assert annotations["external-dns.alpha.kubernetes.io/hostname"] == f"{name}.edge.example.com"
        assert one["spec"]["ports"][0]["port"] == 443
        assert one["spec"]["type"] == "LoadBalancer"
        assert one["spec"]["publishNotReadyAddresses"] is True


def test_an_autoscaler_has_services_for_the_most_pods_it_may_make() -> None:
    values = {"public": {"advertise": "template"}, "autoscaling": {"enabled": True, "maxReplicas": 7}}
    assert len(pod_services(values)) == 7


def test_no_pod_services_for_other_ways_or_on_request() -> None:
    assert not pod_services({})
    assert not pod_services({"public": {"advertise": "hostPort"}})
    assert not pod_services({"public": {"advertise": "template", "podService": {"enabled": False}}})


def test_node_ports_count_up_from_the_first() -> None:
    found = pod_services(values_of(CHART / "ci/nodeport-values.yaml"))
    assert [one["spec"]["ports"][0]["nodePort"] for one in found] == list(range(30_000, 30_005))
    assert "annotations" not in found[0]["metadata"]


@pytest.mark.parametrize(
    ("template", "port"),
    [
        ("https://{pod}.example.com", 443),
        ("http://{pod}.example.com", 80),
        ("http://{pod}.example.com:8080", 8080),
    ],
)
def test_the_port_of_a_pod_service_is_that_of_the_template(template: str, port: int) -> None:
    values = {"public": {"advertise": "template", "template": template}}
    assert pod_services(values)[0]["spec"]["ports"][0]["port"] == port
    host = pod_services(values)[0]["metadata"]["annotations"]["external-dns.alpha.kubernetes.io/hostname"]
    assert host == "edge-0.example.com"


def test_host_port_is_only_the_public_one() -> None:
    made = render({"public": {"advertise": "hostPort", "hostPort": {"port": 8080}}})
    assert {one["name"]: one.get("hostPort") for one in made.ports} == {
        "udp-gossip": None,
        "http-admin": None,
        "http-public": 8080,
    }


def test_host_network_comes_with_its_dns_policy(made: Rendered) -> None:
    assert "hostNetwork" not in made.pod
    assert made.pod["dnsPolicy"] == "ClusterFirst"
    pod = render(values_of(CHART / "ci/hostnetwork-values.yaml")).pod
    assert pod["hostNetwork"] is True
    assert pod["dnsPolicy"] == "ClusterFirstWithHostNet"


def test_host_network_keeps_one_number_for_both_ports() -> None:
    with pytest.raises(helm_python.HelmError, match=r"public\.hostPort\.port: with hostNetwork"):
        render({"hostNetwork": True, "public": {"advertise": "hostPort", "hostPort": {"port": 8080}}})


def test_ingress_and_route_lead_to_the_client_service(made: Rendered) -> None:
    assert not made.all("Ingress")
    assert not made.all("HTTPRoute")
    made = render(values_of(CHART / "ci/nodeport-values.yaml"))
    first, second = made.one("Ingress")["spec"]["rules"]
    assert first["http"]["paths"] == [
        {
            "path": "/",
            "pathType": "Prefix",
            "backend": {"service": {"name": "edge", "port": {"name": "http-public"}}},
        }
    ]
    assert second["http"]["paths"][0]["path"] == "/live"
    assert made.one("Ingress")["spec"]["ingressClassName"] == "nginx"
    (rule,) = made.one("HTTPRoute")["spec"]["rules"]
    assert rule["backendRefs"] == [{"name": "edge", "port": 80}]


def policy(values: Values | None = None) -> Object:
    spec: Object = render(values).one("NetworkPolicy", "node")["spec"]
    return spec


def doors(rules: list[Object], side: str) -> set[tuple[int, str, bool]]:
    """Each port of the rules, its protocol, and whether only named peers may use it."""
    return {(port["port"], port["protocol"], side in rule) for rule in rules for port in rule["ports"]}


def test_the_network_policy_lets_in_gossip_viewers_and_scrapers_only() -> None:
    assert policy()["policyTypes"] == ["Ingress", "Egress"]
    assert doors(policy()["ingress"], "from") == {
        (7700, "UDP", True),
        (7701, "TCP", True),
        (7780, "TCP", False),
    }


def test_the_network_policy_lets_out_gossip_dns_and_the_api_server_only() -> None:
    own = {(7700, "UDP", True), (7701, "TCP", True), (7780, "TCP", True)}
    dns = {(53, "UDP", False), (53, "TCP", False)}
    assert doors(policy()["egress"], "to") == own | dns | {(443, "TCP", False), (6443, "TCP", False)}
    off = {"discovery": {"kubernetes": {"enabled": False}}, "networkPolicy": {"dnsPorts": [5353]}}
    assert doors(policy(off)["egress"], "to") == own | {(5353, "UDP", False), (5353, "TCP", False)}


@pytest.mark.parametrize(
    ("url", "port"),
    [("https://origin.example.com", 443), ("http://origin.example.com/", 80), ("http://10.0.0.1:8080", 8080)],
)
def test_the_origin_is_let_out_to_on_its_port(url: str, port: int) -> None:
    assert (port, "TCP", False) in doors(policy({"origin": {"url": url}})["egress"], "to")


def test_several_origins_are_let_out_to_on_their_ports() -> None:
    urls = ["http://a.example:8080", "https://b.example", "https://c.example"]
    rules = policy({"origin": {"servers": [{"url": url} for url in urls]}})["egress"]
    (origins,) = [one for one in rules if {"port": 8080, "protocol": "TCP"} in one["ports"]]
    assert [port["port"] for port in origins["ports"]] == [8080, 443]


def test_the_network_policy_selects_our_pods_and_gossip_is_among_them() -> None:
    own = render().one("StatefulSet")["spec"]["selector"]["matchLabels"]
    assert policy()["podSelector"]["matchLabels"] == own
    for rules, side in ((policy()["ingress"], "from"), (policy()["egress"], "to")):
        (gossip,) = [one for one in rules if 7700 in {port["port"] for port in one["ports"]}]
        assert gossip[side] == [{"podSelector": {"matchLabels": own}}]


def test_who_may_scrape_is_configurable() -> None:
    values = {
        "networkPolicy": {"scrapeNamespaceLabels": {"team": "ops", "kubernetes.io/metadata.name": None}}
    }
    (admin,) = [
        one for one in policy(values)["ingress"] if one["ports"] == [{"port": 7701, "protocol": "TCP"}]
    ]
    assert {"namespaceSelector": {"matchLabels": {"team": "ops"}}} in admin["from"]


def test_seeds_elsewhere_are_let_out_to() -> None:
    assert (7799, "UDP", False) in doors(
        policy({"gossip": {"extraSeeds": ["a.example:7799"]}})["egress"], "to"
    )


def test_helm_test_may_reach_the_admin_port() -> None:
    labels = next(one["metadata"]["labels"] for one in render().all("Pod", "test"))
    peers = [peer for rule in policy()["ingress"] for peer in rule.get("from", []) if "podSelector" in peer]
    assert any(peer["podSelector"]["matchLabels"].items() <= labels.items() for peer in peers)


def test_no_policy_on_request() -> None:
    assert not render({"networkPolicy": {"enabled": False}, "demo": {"origin": {"enabled": True}}}).all(
        "NetworkPolicy"
    )
