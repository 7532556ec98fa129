"""Whole nodes in this process: real sockets, started and stopped as `edge run` does it."""

import asyncio
import time

from edge.app import Node
from edge.config import Config, Source, load
from edge.shell.kube.platform import located, on_kubernetes


class Running:
    """Nodes that run until the test ends, each seeded with those before it."""

    def __init__(self, origin: str) -> None:
        self._origin = origin
        self.ahead_s: dict[str, float] = {}  # by name: how wrong a node's clock is
        self._stops: dict[str, asyncio.Event] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.nodes: dict[str, Node] = {}

    async def start(self, name: str, **settings: str) -> Node:
        """Start a node; `section__field="value"` sets what differs from the usual."""
        seeds = ",".join(str(one.member.address) for one in self.nodes.values())
        values = {"node.name": name, "node.zone": name, "gossip.seeds": seeds}
        if "cache__origins" not in settings:
            values["cache.origin"] = self._origin
        for section in ("gossip", "public", "admin"):
            values[f"{section}.bind"] = "127.0.0.1:0"
        values |= {key.replace("__", "."): value for key, value in settings.items()}
        ready, stop = asyncio.Event(), asyncio.Event()
        made: asyncio.Future[Node] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(
            _run(load(Source.flags(values)), made, (stop, ready), self.ahead_s.get(name, 0.0))
        )
        task.add_done_callback(lambda _: made.done() or made.cancel())
        await asyncio.wait([made], timeout=5)
        if task.done():
            task.result()  # why it could not start
        self.tasks[name], self._stops[name], self.nodes[name] = task, stop, made.result()
        await asyncio.wait_for(ready.wait(), 5)
        return self.nodes[name]

    async def stop(self, name: str) -> None:
        """As SIGTERM does."""
        self._stops[name].set()
        await asyncio.wait_for(self.tasks[name], 10)

    async def crash(self, name: str) -> None:
        """End it without a word; its sockets close."""
        self.tasks[name].cancel()
        await asyncio.wait([self.tasks[name]], timeout=10)

    async def end(self) -> None:
        """End all."""
        await asyncio.gather(*(self.crash(name) for name in self.tasks))


async def _run(
    config: Config, made: asyncio.Future[Node], told: tuple[asyncio.Event, asyncio.Event], ahead_s: float
) -> None:
    stop, ready = told
    async with on_kubernetes(config) as kubernetes:
        node = Node(await located(config, kubernetes), kubernetes, lambda: time.time() + ahead_s)
        made.set_result(node)
        await node.run(stop, ready.set)
