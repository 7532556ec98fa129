"""Real nodes that know each other only by the EndpointSlices of a pretend API server."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from cache.pretend_origin import PretendOrigin
from edge.app import Node
from edge.model import Status
from edge.wire.errors import Drop
from running import Running
from shell.pretend_apiserver import NAMESPACE, SERVICE, PretendApiServer, pod
from waiting import until

HOSTS = {"edge-0": "127.0.0.2", "edge-1": "127.0.0.3", "edge-2": "127.0.0.4"}
PATIENT = {"gossip__suspicion_min_s": "30"}  # whatever is settled sooner, a deletion has settled


class Release:
    """Pods of one StatefulSet, each listed in a slice of its own, with the port that it took."""

    def __init__(self, server: PretendApiServer, running: Running) -> None:
        self.server = server
        self.running = running

    async def start(self, name: str, **given: str) -> Node:
        at = {f"{section}__bind": f"{HOSTS[name]}:0" for section in ("gossip", "public", "admin")}
        at |= {"gossip__seeds": "", "node__zone": ""}
        on = {
            "discovery": "true",
            "namespace": NAMESPACE,
            "service": SERVICE,
            "node_name": f"machine of {name}",
        }
        self.server.machines[on["node_name"]] = {"topology.kubernetes.io/zone": f"zone of {name}"}
        node = await self.running.start(
            name, **at, **{f"kubernetes__{field}": text for field, text in on.items()}, **PATIENT, **given
        )
        await self.list(name)
        return node

    async def list(self, name: str) -> None:
        await self.server.put(name, pod(HOSTS[name]), port=self.running.nodes[name].member.port)


@pytest.fixture
async def release(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[Release]:
    server, origin = PretendApiServer(), PretendOrigin()
    await server.start()
    await origin.start()
    monkeypatch.setenv("KUBECONFIG", str(server.kubeconfig(tmp_path)))
    running = Running(origin.url)
    yield Release(server, running)
    await running.end()
    await server.stop()
    await origin.stop()


def status(at: Node, name: str) -> Status | None:
    held = at.gossip.view().node(name)
    return held.member.status if held else None


async def joined(*nodes: Node) -> None:
    await until(lambda: all(len(one.gossip.view().alive) == len(nodes) for one in nodes))


def endpoints(node: Node) -> int:
    assert node._kubernetes
    return len(node._kubernetes.picture.addresses)


async def test_pods_find_each_other_without_a_name_server_and_tell_their_zones(release: Release) -> None:
    first, second = await release.start("edge-0"), await release.start("edge-1")
    await joined(first, second)
    assert first.member.zone == "zone of edge-0"
    async with aiohttp.ClientSession() as http, http.get(first.member.admin + "/metrics") as answer:
        lines = (await answer.text()).splitlines()
    assert "edge_kubernetes_endpoints 2.0" in lines
    assert "edge_kubernetes_lists_total 1.0" in lines
    assert 'edge_kubernetes_errors_total{reason="denied"} 0.0' in lines


async def test_a_deleted_pod_that_is_silent_is_unreachable_at_once(release: Release) -> None:
    nodes = [await release.start(name) for name in HOSTS]
    await joined(*nodes)
    await release.running.crash("edge-2")
    await release.server.delete("edge-2")
    await until(lambda: status(nodes[0], "edge-2") is status(nodes[1], "edge-2") is Status.UNREACHABLE, 3)
    assert sum(one._kubernetes.settled for one in nodes if one._kubernetes) >= 1


async def test_a_pod_that_is_deleted_while_it_is_suspected_is_unreachable_at_once(release: Release) -> None:
    nodes = [await release.start(name) for name in HOSTS]
    await joined(*nodes)
    await release.running.crash("edge-2")
    await until(lambda: status(nodes[0], "edge-2") is Status.SUSPECT)
    await asyncio.sleep(0.5)
    assert status(nodes[0], "edge-2") is Status.SUSPECT
    await release.server.delete("edge-2")
    await until(lambda: status(nodes[0], "edge-2") is Status.UNREACHABLE, 1)


async def test_a_living_node_stays_whatever_the_api_server_says(release: Release) -> None:
    first, second = await release.start("edge-0"), await release.start("edge-1")
    await joined(first, second)
    await until(lambda: endpoints(first) == 2)
    await release.server.delete("edge-1")
    await until(lambda: endpoints(first) == 1)
    await asyncio.sleep(0.5)
    assert status(first, "edge-1") is status(second, "edge-0") is Status.ALIVE
    assert "suspect" not in [event.kind for event in first._events]


async def test_a_service_that_lists_nobody_settles_nothing(release: Release) -> None:
    first, second = await release.start("edge-0"), await release.start("edge-1")
    await joined(first, second)
    await until(lambda: endpoints(first) == 2)
    await release.server.delete("edge-0")
    await until(lambda: endpoints(first) == 1)
    await release.running.crash("edge-1")
    await release.server.delete("edge-1")
    await until(lambda: status(first, "edge-1") is Status.SUSPECT)
    await asyncio.sleep(0.3)
    assert status(first, "edge-1") is Status.SUSPECT


async def test_all_pods_deleted_at_once_form_one_cluster_again(release: Release) -> None:
    before = [await release.start(name) for name in HOSTS]
    await joined(*before)
    await asyncio.gather(*(release.running.crash(name) for name in HOSTS))
    for name in HOSTS:
        await release.server.delete(name)
    await asyncio.sleep(1)  # a later second, as the incarnation counts them
    after = [await release.start(name) for name in reversed(HOSTS)]
    await joined(*after)
    assert sorted(one.name for one in after[0].gossip.view().nodes) == sorted(HOSTS)


async def test_of_two_releases_with_one_key_neither_hears_the_other(release: Release, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_bytes(base64.b64encode(bytes(range(32))))
    ours = await release.start("edge-0", node__cluster="live/edge", gossip__keys_file=str(keys))
    other = await release.start("edge-1", node__cluster="live/edge-2", gossip__keys_file=str(keys))
    await until(lambda: ours.gossip.counters.dropped[Drop.AUTHENTICATION] > 0)
    await until(lambda: other.gossip.counters.dropped[Drop.AUTHENTICATION] > 0)
    assert status(ours, "edge-1") is status(other, "edge-0") is None
