"""A cluster of real `edge run` processes on loopback, and viewers who ask them where to go."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from loadtest import serving

_UP_WITHIN_S = 60.0
_TIMEOUT = aiohttp.ClientTimeout(total=5, sock_connect=1)


class Askable(Protocol):
    """What has an admin port."""

    @property
    def name(self) -> str:
        """Of the node."""

    @property
    def admin(self) -> str:
        """URL of its admin port."""


@dataclass(slots=True)
class NodeProcess:
    """One of them."""

    name: str
    zone: str
    public: str
    admin: str
    command: tuple[str, ...]
    popen: "subprocess.Popen[str]"
    stack: ExitStack  # ends it

    @property
    def authority(self) -> str:
        """Host and port of its public port."""
        return urlsplit(self.public).netloc

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self.popen.poll() is None

    def end(self, how: signal.Signals) -> None:
        """Send it a signal."""
        self.popen.send_signal(how)

    def start_again(self) -> None:
        """Another process in the place of one that has ended; it need not be ready."""
        self.popen = self.stack.enter_context(serving.process(*self.command))


@contextmanager
def cluster(origin: str, count: int, zones: int, **settings: str) -> Iterator[list[NodeProcess]]:
    """So many nodes, the zones taking turns; they end with the context."""
    ports = serving.free_ports(3 * count)
    seeds = ",".join(f"127.0.0.1:{port}" for port in ports[:3])
    with ExitStack() as stack:
        nodes = []
        for number in range(count):
            gossip, public, admin = ports[number], ports[count + number], ports[2 * count + number]
            name, zone = f"node-{number}", f"zone-{number % zones}"
            given = {
                "node.name": name,
                "node.zone": zone,
                "node.cluster": "bench",
                "gossip.bind": f"127.0.0.1:{gossip}",
                "gossip.seeds": seeds,
                "public.bind": f"127.0.0.1:{public}",
                "admin.bind": f"127.0.0.1:{admin}",
                "cache.origin": origin,
                "log.level": "error",
                **{key.replace("__", "."): value for key, value in settings.items()},
            }
            command = (sys.executable, "-m", "edge", "run", *serving.flags(given))
            popen = stack.enter_context(serving.process(*command))
            urls = f"http://127.0.0.1:{public}", f"http://127.0.0.1:{admin}"
            nodes.append(NodeProcess(name, zone, *urls, command, popen, stack))
        yield nodes


@asynccontextmanager
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    """For viewers."""
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as http:
        yield http


async def whole(http: aiohttp.ClientSession, nodes: Sequence[Askable]) -> None:
    """Wait until all know all, with their loads.

    Raises:
        TimeoutError: they do not find each other.
    """
    deadline = time.monotonic() + _UP_WITHIN_S
    for one in nodes:
        while len(await loads(http, one)) < len(nodes):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{one.name} does not know all of {len(nodes)} nodes")
            await asyncio.sleep(0.1)


async def loads(http: aiohttp.ClientSession, node: Askable) -> dict[str, float]:
    """Viewers over capacity of all that are alive, as one node has it; nothing if it does not answer."""
    try:
        async with http.get(f"{node.admin}/v1/members") as answer:
            members = (await answer.json())["members"]
    except (aiohttp.ClientError, TimeoutError, OSError):
        return {}
    return {one["name"]: one["load"]["ratio"] for one in members if one["status"] == "alive" and one["load"]}


async def ask(http: aiohttp.ClientSession, node: NodeProcess, path: str, zone: str, sid: str) -> str:
    """Where a node sends a viewer; empty if nowhere."""
    url = f"{node.public}/v1/route?path={path}&zone={zone}&CMCD=sid%3D%22{sid}%22"
    try:
        async with http.get(url, allow_redirects=False) as answer:
            return answer.headers.get("Location", "")
    except (aiohttp.ClientError, TimeoutError, OSError):
        return ""


async def watch(http: aiohttp.ClientSession, url: str, every_s: float, seconds: float) -> None:
    """Play: fetch what is at an address, again and again."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            async with http.get(url) as answer:
                await answer.read()
        except (aiohttp.ClientError, TimeoutError, OSError):
            return
        await asyncio.sleep(every_s * random.uniform(0.9, 1.1))
