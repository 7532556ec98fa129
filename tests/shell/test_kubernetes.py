"""Discovery by the Kubernetes API, before a server that fails in every way it can."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from edge.model import Address, ConfigError
from edge.shell.kube import api as kube_api
from edge.shell.kube import platform, watch
from edge.shell.kube.platform import Kubernetes, located, on_kubernetes
from shell.kubernetes_settings import OWN, settings
from shell.pretend_apiserver import SERVICE, PretendApiServer, pod
from waiting import until


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses of a few milliseconds."""
    for name, seconds in {"_LEAST_S": 0.01, "_MOST_S": 0.05, "DENIED_S": 0.01}.items():
        monkeypatch.setattr(watch, name, seconds)


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[PretendApiServer]:
    made = PretendApiServer()
    await made.start()
    monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig(tmp_path)))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    yield made
    await made.stop()


@pytest.fixture
async def kubernetes(server: PretendApiServer) -> AsyncIterator[Kubernetes]:
    async with on_kubernetes(settings()) as made:
        assert made
        yield made


def lists(kubernetes: Kubernetes, *hosts: str) -> Callable[[], bool]:
    return lambda: kubernetes.picture.addresses == [Address(host, 7700) for host in hosts]


async def test_pods_are_listed_and_followed_whether_ready_or_not(
    server: PretendApiServer, kubernetes: Kubernetes
) -> None:
    await server.put("edge-a", pod(OWN), pod("10.0.0.3"))
    await until(lists(kubernetes, "10.0.0.3", OWN))
    await server.put("edge-b", pod("10.0.0.4"), pod("fd00::4"))  # the other family is not ours to send to
    await until(lists(kubernetes, "10.0.0.3", "10.0.0.4", OWN))
    await server.put("edge-a", pod(OWN))
    await until(lists(kubernetes, "10.0.0.4", OWN))
    await server.delete("edge-b")
    await until(lists(kubernetes, OWN))
    await server.put("edge-a")
    await until(lists(kubernetes))
    assert server.asked.count("list") == 1


async def test_a_cut_watch_goes_on_where_it_was_cut(server: PretendApiServer, kubernetes: Kubernetes) -> None:
    await until(lambda: server.watching)
    await server.put("edge-a", pod(OWN))
    await until(lists(kubernetes, OWN))
    await server.bookmark(40)
    await until(lambda: kubernetes.watch._version == "40")
    server.drop()
    await server.put("edge-a", pod(OWN), pod("10.0.0.3"))
    await until(lists(kubernetes, "10.0.0.3", OWN))
    assert server.asked == ["list", "watch from 1", "watch from 40"]


@pytest.mark.parametrize("by", ["status", "line"])
async def test_an_expired_version_lists_again_and_misses_nothing(server: PretendApiServer, by: str) -> None:
    await server.put("edge-a", pod(OWN), pod("10.0.0.3"))
    async with on_kubernetes(settings()) as kubernetes:
        assert kubernetes
        await until(lists(kubernetes, "10.0.0.3", OWN))
        await until(lambda: server.watching)
        server.slices["edge-a"]["endpoints"] = [pod(OWN), pod("10.0.0.4")]  # a change that no watch tells
        if by == "line":
            await server.say(
                {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old"}}
            )
        else:
            server.expire()
            server.drop()
        await until(lists(kubernetes, "10.0.0.4", OWN))
        assert kubernetes.watch.errors["expired"] == 1


async def test_a_service_account_without_the_role_is_told_in_one_line(
    server: PretendApiServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.refuses["list"] = 403
    async with on_kubernetes(settings(gossip__seeds="127.0.0.1:9")) as kubernetes:
        assert kubernetes
        await until(lambda: kubernetes.watch.errors["denied"] > 2)
        told = [one.getMessage() for one in caplog.records if one.name == watch.__name__]
        assert told == [
            "kubernetes: the service account may not list and watch endpointslices.discovery.k8s.io "
            "(403: cannot list); seeds come from DNS alone until a Role grants it"
        ]
        await server.put("edge-a", pod(OWN))
        server.refuses = {}
        await until(lists(kubernetes, OWN))


async def test_an_api_server_that_is_away_changes_nothing(
    server: PretendApiServer, kubernetes: Kubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await server.put("edge-a", pod(OWN), pod("10.0.0.3"))
    await until(lists(kubernetes, "10.0.0.3", OWN))
    await server.stop()
    await until(lambda: kubernetes.watch.errors["unreachable"] > 3)
    assert lists(kubernetes, "10.0.0.3", OWN)()
    await server.start()
    await server.put("edge-a", pod(OWN), pod("10.0.0.4"))
    await until(lists(kubernetes, "10.0.0.4", OWN))
    await server.put("edge-a", pod(OWN))
    await until(lambda: "are watched again" in caplog.text)
    said = [one.getMessage() for one in caplog.records if one.name == watch.__name__]
    assert len(said) == len(set(said))


async def test_an_api_server_that_takes_connections_and_says_nothing_is_asked_ever_less(
    server: PretendApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_api, "ANSWER_S", 0.02)
    monkeypatch.setattr(watch, "LASTED_S", 0.01)  # that it took long to say nothing does not make it well
    server.mute.set()
    async with on_kubernetes(settings()) as kubernetes:
        assert kubernetes
        await until(lambda: kubernetes.watch.errors["unreachable"] > 4)
        assert kubernetes.watch._backoff.pause_s() >= watch._MOST_S / 2


@pytest.mark.parametrize("what", ["list", "watch"])
async def test_a_failing_api_server_is_asked_again(server: PretendApiServer, what: str) -> None:
    server.refuses[what] = 500
    async with on_kubernetes(settings()) as kubernetes:
        assert kubernetes
        await until(lambda: kubernetes.watch.errors["failed"] > 2)
        server.refuses = {}
        await server.put("edge-a", pod(OWN))
        await until(lists(kubernetes, OWN))


async def test_a_slow_line_is_waited_for(server: PretendApiServer, kubernetes: Kubernetes) -> None:
    server.piece_bytes, server.every_s = 64, 0.02
    await server.put("edge-a", pod(OWN), pod("10.0.0.3"))
    await until(lists(kubernetes, "10.0.0.3", OWN))
    assert not kubernetes.watch.errors


@pytest.mark.parametrize(
    "line",
    [
        {"type": "ADDED", "object": {"metadata": {"name": "x" * kube_api.LINE_MAX_BYTES}}},
        {"type": "ADDED", "object": {"metadata": 7}},
        {"type": 7},
        {"type": "ERROR", "object": "lost"},
    ],
    ids=["too long", "no slice", "no change", "no status"],
)
async def test_a_line_that_cannot_be_read_costs_a_list(
    server: PretendApiServer, kubernetes: Kubernetes, line: dict[str, object]
) -> None:
    await until(lambda: server.watching)
    await server.say(line)
    await until(lambda: kubernetes.watch.lists == 2)
    assert kubernetes.watch.errors == {"failed" if line["type"] == "ERROR" else "unreadable": 1}
    await server.put("edge-a", pod(OWN))
    await until(lists(kubernetes, OWN))


async def test_an_endless_list_is_not_read_to_its_end(
    server: PretendApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kube_api, "BODY_MAX_BYTES", 1000)
    await server.put("edge-a", *(pod(f"10.0.0.{n}") for n in range(100)))
    async with on_kubernetes(settings()) as kubernetes:
        assert kubernetes
        await until(lambda: kubernetes.watch.errors["unreadable"] > 1)


async def test_a_service_without_the_named_port_is_told(
    server: PretendApiServer, kubernetes: Kubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    await server.put("edge-a", pod(OWN), port_name="gossip")
    await until(lambda: f"no port of Service {SERVICE} is named udp-gossip" in caplog.text)
    assert lists(kubernetes)()


async def zone(**given: str) -> str:
    config = settings(**given)
    async with on_kubernetes(config) as kubernetes:
        return (await located(config, kubernetes)).node.zone


async def test_the_zone_is_the_listed_one(server: PretendApiServer) -> None:
    await server.put("edge-a", pod(OWN, "pune"), pod("10.0.0.3", "delhi"))
    assert await zone(node__zone="given") == "pune"
    assert await zone() == "pune"


async def test_the_zone_is_waited_for_until_the_pod_is_listed(server: PretendApiServer) -> None:
    asked = asyncio.create_task(zone())
    await until(lambda: server.watching)
    await server.put("edge-a", pod("10.0.0.3", "delhi"))
    await server.put("edge-b", pod(OWN, "pune"))
    assert await asked == "pune"


async def test_the_zone_is_that_of_any_pod_of_the_machine(server: PretendApiServer) -> None:
    await server.put("edge-a", pod("10.0.0.3", "delhi", "kubelet-2"), pod("10.0.0.4", "pune", "kubelet-1"))
    assert await zone(kubernetes__node_name="kubelet-1") == "pune"


async def test_the_zone_is_the_machine_s_label(server: PretendApiServer) -> None:
    server.machines["kubelet-1"] = {"topology.kubernetes.io/zone": "pune"}
    assert await zone(kubernetes__node_name="kubelet-1") == "pune"
    server.refuses["list"] = 403
    assert await zone(kubernetes__node_name="kubelet-1") == "pune"


async def test_the_zone_is_the_given_one_where_kubernetes_knows_none(
    server: PretendApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.put("edge-a", pod(OWN))
    assert await zone(node__zone="given") == "given"  # listed without a zone: no wait
    server.refuses = {"list": 403, "node": 403}
    assert await zone(node__zone="given", kubernetes__node_name="kubelet-1") == "given"
    await server.stop()
    monkeypatch.setattr(platform, "LOCATE_S", 0.2)
    async with asyncio.timeout(3):
        assert await zone(node__zone="given", kubernetes__node_name="kubelet-1") == "given"


async def test_without_a_way_to_the_api_server_a_node_does_not_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setattr(platform, "NAMESPACE_FILE", tmp_path / "namespace")
    for given, words in (
        ({}, "kubernetes.discovery: finds no service account .* and no kubeconfig .* KUBECONFIG"),
        ({"kubernetes__service": ""}, "kubernetes.service: is needed when kubernetes.discovery is on"),
        (
            {"kubernetes__namespace": ""},
            "kubernetes.namespace: is not set, .* name the namespace of this pod",
        ),
    ):
        with pytest.raises(ConfigError, match=words):
            await zone(**given)


def test_the_client_library_is_loaded_only_where_it_is_used() -> None:
    code = "import sys, edge.cli.node; sys.exit('kubernetes' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0
