"""A Prometheus in a pod finds the nodes by itself, and has data for the dashboards that the chart put there."""

import asyncio
import json
import math
import os
from collections.abc import Callable

import aiohttp

from helm.manifests import PLACE
from helm.render import Object, parse
from kube.beside import Viewers
from kube.live import Live
from kube.programs import apply, get, until
from kube.releases import Space
from monitoring.boards import BOARDS, filled
from monitoring.prometheus import Prometheus

READY_S = 120.0
SCRAPES = 4
PATIENCE = 30  # looks, for rates to have two samples in nodes that are short of processor
# Legends of queries that have a line for each reason, and no line while all is well.
ONLY_WITH_A_FAULT = {
    ("Datagrams dropped", "{{reason}}"),
    ("Failures by reason", "fill: {{reason}}"),
    ("Failures by reason", "other node: {{reason}}"),
    ("Faults", "{{reason}}"),
    ("Strange datagrams", "{{reason}}"),
    ("Refused at admin ports", "{{reason}}"),
}
# A zone has one node here, and all ask the origin.
ONLY_WITHIN_A_ZONE = {("Fills from other nodes take", f"{share} within") for share in ("half", "95%", "99%")}


def placed(own: str, of_edge: str) -> list[Object]:
    """manifests/monitoring in other namespaces, and with an image that the cluster has."""
    text = (PLACE / "monitoring/prometheus.yaml").read_text("utf-8")
    text = text.replace("names: [edge]", f"names: [{of_edge}]")
    if image := os.environ.get("E2E_PROMETHEUS_IMAGE"):
        text = text.replace("docker.io/prom/prometheus:v3.5.0", image)
        assert image in text
    made = [one for one in parse(text) if one["kind"] != "Namespace"]
    names = {"monitoring": own, "edge": of_edge}
    for one in made:
        one["metadata"]["namespace"] = names[one["metadata"]["namespace"]]
        for subject in one.get("subjects", []):
            subject["namespace"] = names[subject["namespace"]]
    return made


async def empty(prometheus: Prometheus, live: Live) -> set[tuple[str, str]]:
    """Panels and legends whose query, as it stands in the cluster, gives no number; of no node, where it is of one.

    So few viewers of one stream need not meet at every node.
    """
    values = {
        "cluster": f"{live.release.namespace}/{live.release.name}",
        "zone": ".*",
        "__rate_interval": "30s",
    }
    found = set()
    for made in dashboards(live).values():
        for panel in made["panels"]:
            for target in panel["targets"]:
                queries = {filled(target["expr"], **values, node=name) for name in live.names(3)}
                series = [one for query in sorted(queries) for one in await prometheus.ask(query)]
                if not any(math.isfinite(float(one["value"][1])) for one in series):
                    found.add((panel["title"], target["legendFormat"]))
    return found


def dashboards(live: Live) -> dict[str, Object]:
    """What Grafana's sidecar would find, by title."""
    maps = get("configmap", "-n", live.release.namespace, "-l", "grafana_dashboard=1")
    made = [json.loads(text) for one in maps for text in one["data"].values()]
    return {one["title"]: one for one in made}


async def asked(live: Live, url: str) -> tuple[int, set[tuple[str, str]]]:
    """How many nodes it scrapes, and what stays without data."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as http:
        prometheus = Prometheus(http, url)
        up: list[Object] = []
        without: set[tuple[str, str]] = set()
        for _ in range(PATIENCE):
            up = await prometheus.ask(f'up{{namespace="{live.release.namespace}",job="edge"}} == 1')
            await asyncio.to_thread(
                live.release.edge, "edge-0", "purge", "--tag", "news"
            )  # an event, to be timed
            without = await empty(prometheus, live) - ONLY_WITH_A_FAULT - ONLY_WITHIN_A_ZONE
            if len(up) == 3 and not without:
                break
            await asyncio.sleep(2)
        return len(up), without


def test_a_prometheus_in_a_pod_finds_every_node_and_the_dashboards_have_data(
    live: Live, viewers: Callable[[int], Viewers], space: Space, saw: Callable[[str], None]
) -> None:
    live.release.upgrade({"monitoring": {"dashboards": {"enabled": True}}})
    live.agree()
    assert dashboards(live) == {one.title: one.json() for one in BOARDS}
    viewers(20)
    own = space("monitoring")
    apply(*placed(own, live.release.namespace))
    [pod] = until(
        lambda: [one for one in get("pods", "-n", own) if one["status"].get("podIP")], READY_S, "it has a pod"
    )
    ready: Callable[[], int] = lambda: get("deployment", "-n", own)[0]["status"].get("readyReplicas", 0)  # noqa: E731
    until(ready, READY_S, "Prometheus is ready")
    count, without = asyncio.run(asked(live, f"http://{pod['status']['podIP']}:9090"))
    queries = sum(len(panel["targets"]) for one in BOARDS for panel in one.json()["panels"])
    saw(
        f"{count} nodes found; {queries} queries of {len(BOARDS)} dashboards, without data: {sorted(without)}"
    )
    assert count == 3
    assert not without
