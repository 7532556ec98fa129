"""Real processes: an origin, nodes and viewers as a user starts them, each with its log in a directory."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from edge.model import Address
from programs import TESTS
from waiting import until

UP_WITHIN_S = 15.0
STOP_WITHIN_S = 10.0
Kind = TypeVar("Kind", bound="Process")
Report = Callable[[str], None]  # tells a figure to whoever runs the tests
_SERVES = re.compile(r'serves: public (\S+), admin (\S+), gossip ([^\s"]+)')


def free_address(kind: socket.SocketKind) -> Address:
    """An address that nobody has at this moment."""
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return Address(*sock.getsockname())


class Process:
    """One `edge` command. Its output goes to a file, its input is a pipe whose end it takes for its parent's.

    `within` is a command that starts it, for instance in another network.
    """

    program = "edge"  # the module that is run

    def __init__(self, name: str, directory: Path, *arguments: str, within: Sequence[str] = ()) -> None:
        self.name = name
        self._log = directory / f"{name}.log"
        self._from = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self.popen = subprocess.Popen(
                [*within, sys.executable, "-m", self.program, *arguments, "--exit-with-parent"],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.environment(directory)},
            )
        self.system = psutil.Process(self.popen.pid)

    def environment(self, _directory: Path) -> dict[str, str]:
        """Variables of its own."""
        return {}

    @property
    def said(self) -> str:
        """All of its output."""
        return self._log.read_bytes()[self._from :].decode()

    async def says(self, pattern: str | re.Pattern[str]) -> re.Match[str]:
        """Wait for a line."""

        def look() -> re.Match[str] | None:
            assert self.popen.poll() is None, f"{self.name} ended: {self.said}"
            return re.search(pattern, self.said)

        found = await until(look, UP_WITHIN_S)
        assert found
        return found

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.popen.kill()
        self._wait()

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.popen.poll() is None:
            self.popen.terminate()
        return self._wait()

    def _wait(self) -> int:
        status = self.popen.wait(STOP_WITHIN_S)
        assert self.popen.stdin
        self.popen.stdin.close()
        return status


class Node(Process):
    """`edge run`."""

    public = ""
    admin = ""
    gossip = Address("", 0)

    async def up(self) -> None:
        """Wait until it serves, and learn its addresses."""
        self.public, self.admin, gossip = (await self.says(_SERVES)).groups()
        self.gossip = Address.parse(gossip, self.name)


class Liar(Node):
    """A node that lies when it is told to (`live_demo.liar`)."""

    program = "live_demo.liar"

    def environment(self, directory: Path) -> dict[str, str]:
        """Where it finds its lie, and the tests' modules."""
        self._lie = directory / f"{self.name}.lie"
        return {"EDGE_LIE": str(self._lie), "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}

    def lie(self, what: str) -> None:
        """Begin; an empty one is the truth."""
        self._lie.with_suffix(".new").write_text(what)
        self._lie.with_suffix(".new").replace(self._lie)


class Cluster:
    """Everything one test starts."""

    def __init__(self, directory: Path, http: aiohttp.ClientSession) -> None:
        self.http = http
        self.origin_url = "http://127.0.0.1:1"  # nobody there, until `origin` starts one
        self.nodes: dict[str, Node] = {}
        self.kinds: dict[str, type[Node]] = {}  # of nodes that are no usual ones
        self._directory = directory
        self._started: list[Process] = []

    async def origin(self) -> Process:
        """Start the origin."""
        process = self._keep(Process("origin", self._directory, "origin", "--bind=127.0.0.1:0"))
        self.origin_url = (await process.says(r"live at (http://[^/]+)"))[1]
        return process

    async def node(self, name: str, **settings: str | int) -> Node:
        """Start a node on free ports, seeded with those that run; wait until it serves."""
        node = self.launch(name, **settings)
        await node.up()
        return node

    def launch(self, name: str, **settings: str | int) -> Node:
        """Start a node and do not wait; it is of the kind that `kinds` says."""
        others = [one for one in self.nodes.values() if one.popen.poll() is None and one.gossip.port]
        values: dict[str, str | int] = {
            "node_name": name,
            "node_zone": name,
            "gossip_bind": "127.0.0.1:0",
            "gossip_seeds": ",".join(str(one.gossip) for one in others),
            "public_bind": "127.0.0.1:0",
            "admin_bind": "127.0.0.1:0",
            "cache_origin": self.origin_url,
        }
        flags = [f"--{key.replace('_', '-')}={value}" for key, value in (values | settings).items()]
        node = self.kinds.get(name, Node)(name, self._directory, "run", *flags)
        self._keep(node)
        self.nodes[name] = node
        return node

    async def grow(self, *names: str, **settings: str | int) -> None:
        """Start nodes side by side and wait until each sees all of them alive."""
        await self.node(names[0], **settings)
        await asyncio.gather(*(self.node(name, **settings) for name in names[1:]))
        await self.whole(*names)

    async def whole(self, *names: str) -> None:
        """Wait until each of these sees exactly all of them alive."""
        async with asyncio.timeout(UP_WITHIN_S):
            for at in names:
                while await self.statuses(at) != dict.fromkeys(names, "alive"):
                    await asyncio.sleep(0.02)

    def viewers(self, count: int, arrive_s: float = 0) -> Process:
        """Start simulated viewers, spread over the nodes' zones."""
        nodes = [f"--node={node.name}={node.public}" for node in self.nodes.values()]
        return self._keep(
            Process(
                "viewers",
                self._directory,
                "demo-viewers",
                f"--viewers={count}",
                f"--arrive-s={arrive_s}",
                *nodes,
            )
        )

    async def get(self, url: str) -> Any:
        """A JSON answer."""
        async with self.http.get(url) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def view(self, at: str) -> Any:
        """What node `at` knows."""
        return await self.get(f"{self.nodes[at].admin}/v1/view")

    async def statuses(self, at: str) -> dict[str, str]:
        """Status of each member, as node `at` holds it."""
        members = (await self.get(f"{self.nodes[at].admin}/v1/members"))["members"]
        return {one["name"]: one["status"] for one in members}

    async def metric(self, at: str, name: str, **labels: str) -> float:
        """One value of a node's metrics; a sum where several labels fit."""
        async with self.http.get(f"{self.nodes[at].admin}/metrics") as response:
            text = await response.text()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def end(self) -> None:
        """End everything that was started, the youngest first."""
        for process in reversed(self._started):
            process.kill()

    def _keep(self, process: Kind) -> Kind:
        self._started.append(process)
        return process
