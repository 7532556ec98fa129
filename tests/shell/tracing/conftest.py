"""Nodes whose spans are all sent to a collector."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from edge.app import Node
from edge.shell.tracing import sending
from running import Running
from shell.tracing.collector import Collector
from waiting import until

Start = Callable[..., Awaitable[Node]]


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    made = Collector()
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def start(running: Running, collector: Collector, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Starts a node that keeps every trace and tells it soon, and waits until all have met."""
    monkeypatch.setattr(sending, "EVERY_MS", 50)

    async def start(name: str, **settings: str) -> Node:
        usual = {
            "tracing__enabled": "true",
            "tracing__endpoint": collector.url,
            "tracing__sample_ratio": "1",
            "node__zone": "west",
        }
        made = await running.start(name, **usual | settings)
        nodes = running.nodes.values()
        await until(lambda: all(len(one.gossip.view().alive) == len(nodes) for one in nodes))
        return made

    return start
