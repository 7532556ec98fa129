"""Events on the pod: written beside everything else, bounded in number, rate and age."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edge.model import GossipEvent
from edge.shell.kube import events
from edge.shell.kube.events import BURST, QUEUE_MAX, EventWriter, Pod
from edge.shell.kube.platform import Kubernetes, on_kubernetes
from edge.shell.kube.resources import ApiError
from shell.kubernetes_settings import OWN, settings
from shell.pretend_apiserver import NAMESPACE, PretendApiServer, pod
from waiting import until


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> AsyncIterator[PretendApiServer]:
    made = PretendApiServer()
    await made.start()
    monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig(tmp_path)))
    yield made
    await made.stop()


@pytest.fixture
async def kubernetes(server: PretendApiServer) -> AsyncIterator[Kubernetes]:
    await server.put("edge-a", pod(OWN, uid="uid-0"))
    async with on_kubernetes(settings(kubernetes__node_name="kubelet-1")) as made:
        assert made
        await made.zone()
        yield made


async def test_an_event_names_the_pod_so_that_describe_shows_it(
    server: PretendApiServer, kubernetes: Kubernetes
) -> None:
    kubernetes.write("Partition", "2 of 5 members are reachable", "Warning")
    [event] = await until(lambda: server.events)
    assert event["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Pod",
        "name": "edge-0",
        "namespace": NAMESPACE,
        "uid": "uid-0",
    }
    assert (event["reason"], event["type"]) == ("Partition", "Warning")
    assert event["message"] == "2 of 5 members are reachable"
    assert event["source"] == {"component": "edge", "host": "kubelet-1"}
    assert event["metadata"]["name"].startswith("edge-0.")
    assert event["firstTimestamp"] == event["lastTimestamp"]


async def test_the_loss_of_the_name_is_an_event_that_is_sent_before_the_end(server: PretendApiServer) -> None:
    async with on_kubernetes(settings()) as kubernetes:
        assert kubernetes
        kubernetes.heard(GossipEvent("joined", "edge-1", "edge-1 joined", 0.0))
        kubernetes.heard(GossipEvent("conflict", "edge-0", "another process gossips as edge-0", 0.0))
    assert [one["reason"] for one in server.events] == ["NameConflict"]


async def test_events_can_be_turned_off(server: PretendApiServer) -> None:
    async with on_kubernetes(settings(kubernetes__events="false")) as kubernetes:
        assert kubernetes
        kubernetes.write("Partition", "told to nobody")
    assert "event" not in server.asked


async def test_a_service_account_that_may_not_is_told_once(
    server: PretendApiServer, kubernetes: Kubernetes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server.refuses["event"] = 403
    kubernetes.write("Partition", "one")
    kubernetes.write("Partition", "two")
    await until(lambda: kubernetes.writer.dropped == 2)
    assert [one.getMessage() for one in caplog.records if one.name == events.__name__] == [
        "kubernetes: an Event on the pod was not written; "
        "grant the service account create on events (403: cannot event)"
    ]
    server.refuses = {}
    kubernetes.write("Healed", "three")
    await until(lambda: kubernetes.writer.written == 1)


class Post:
    """Takes Events, or fails."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.fails = 0
        self.held = asyncio.Event()
        self.held.set()

    async def __call__(self, event: dict[str, Any]) -> None:
        await self.held.wait()
        if self.fails:
            self.fails -= 1
            raise ApiError(0, "away")
        self.taken.append(event["message"])


@pytest.fixture
async def post() -> Post:
    return Post()


@pytest.fixture
async def writer(post: Post) -> AsyncIterator[EventWriter]:
    made = EventWriter(post, lambda: Pod("edge-0", NAMESPACE))
    task = asyncio.create_task(made.run())
    yield made
    task.cancel()


async def test_of_too_many_the_oldest_go(post: Post, writer: EventWriter) -> None:
    post.held.clear()
    for number in range(QUEUE_MAX + 5):
        writer.write("Partition", str(number))
    assert writer.dropped == 5
    post.held.set()
    await until(lambda: len(post.taken) == BURST)
    assert post.taken == [str(number) for number in range(5, 5 + BURST)]


async def test_a_burst_is_followed_by_few(
    post: Post, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(BURST + 2):
        writer.write("Partition", str(number))
    await until(lambda: len(post.taken) == BURST)
    await writer.flush(0.05)
    assert len(post.taken) == BURST
    assert writer._wait_s() > events.EVERY_S


async def test_an_event_outlives_an_outage_but_not_for_ever(
    post: Post, writer: EventWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "RETRY_S", (0.01, 0.02))
    post.fails = 3
    writer.write("Partition", "late")
    await until(lambda: post.taken == ["late"])
    monkeypatch.setattr(events, "AGE_MAX_S", 0.05)
    post.fails = 1000
    writer.write("Partition", "too late")
    await until(lambda: writer.dropped == 1)
