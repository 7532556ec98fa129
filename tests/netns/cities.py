"""`edge run` on every host, as an operator would run it: keys, token, a file of settings, seeds in each city."""

import asyncio
import base64
import json
import secrets
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from live_demo.cluster import Process
from netns.network import Network
from netns.places import HOSTS, ORIGIN, Host, Hosts
from waiting import until

GOSSIP, ADMIN, BACKUP, PUBLIC, MEDIA = 7700, 7701, 7702, 7780, 7790
PORTS = (ADMIN, PUBLIC)
DOUBTS = ("suspect", "unreachable")
Ask = Callable[[Host], Awaitable[object]]

_ASK_S, _COMMAND_S = 5.0, 20.0
_UP_S = 60.0  # on a busy machine
_LOOK_EVERY_S = 0.2
_SEEDS = ("mumbai-1", "pune-1", "delhi-1")
_SETTINGS = """
[node]
cluster = "netns"
[gossip]
seeds = [{seeds}]
keys_file = "{folder}/keys"
[admin]
token_file = "{folder}/token"
writes_per_s = 1000  # a test tells hundreds of events at once
writes_burst = 1000
[cache]
origin = "http://{origin}:{media}"
[log]
format = "json"
"""


class Happening(NamedTuple):
    """One event as a node logged it."""

    at: float  # seconds since 1970
    by: str
    kind: str
    node: str
    text: str


class Cities:
    """The nodes, and how a test asks them."""

    def __init__(self, folder: Path, network: Network) -> None:
        self.network = network
        self.running: dict[Host, Process] = {}
        self.since = 0.0  # earlier events are of no interest, seconds since 1970
        self.folder = folder
        self._lives: list[tuple[Host, Process]] = []
        self._token = secrets.token_urlsafe(24)
        (folder / "keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
        (folder / "token").write_text(self._token + "\n")
        for name in ("keys", "token"):
            (folder / name).chmod(0o600)
        seeds = ", ".join(f'"{one.address}:{GOSSIP}"' for one in HOSTS if one.name in _SEEDS)
        text = _SETTINGS.format(seeds=seeds, folder=folder, origin=ORIGIN.address, media=MEDIA)
        (folder / "edge.toml").write_text(text)

    def start(self, *hosts: Host) -> None:
        """Start nodes, and do not wait."""
        for one in hosts:
            settings = {
                "node-name": one.name,
                "node-zone": one.zone,
                "node-region": one.region,
                "node-isp": one.isp,
                "gossip-bind": f"{one.address}:{GOSSIP}",
                "gossip-backup-bind": f"{one.address}:{BACKUP}",
                "admin-bind": f"{one.address}:{ADMIN}",
                "public-bind": f"{one.address}:{PUBLIC}",
            }
            flags = [f"--{flag}={value}" for flag, value in settings.items()]
            self._begin(one, "run", f"--config={self.folder}/edge.toml", *flags)

    async def origin(self) -> None:
        """Start the origin, unless it runs, and wait until it is live."""
        if ORIGIN in self.running:
            return
        self._begin(ORIGIN, "origin", f"--bind={ORIGIN.address}:{MEDIA}")
        process = self.running[ORIGIN]
        await until(lambda: "live at" in process.said, _UP_S)

    async def stop(self, host: Host) -> None:
        """SIGTERM, and wait for its end."""
        process = self.running.pop(host)
        assert await asyncio.to_thread(process.stop) == 0, process.said

    def kill(self, host: Host) -> None:
        """End it in the middle of whatever it does."""
        self.running.pop(host).kill()

    async def edge(self, at: Host, *words: str) -> str:
        """What an `edge` command prints that an operator types on a host, to ask the node there."""
        asking = [f"--admin=http://{at.address}:{ADMIN}", f"--token-file={self.folder}/token"]
        command = [*self.network.within(at), sys.executable, "-m", "edge", *words, *asking]
        started = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(_COMMAND_S):
                said, _ = await started.communicate()
        finally:
            if started.returncode is None:
                started.kill()
                await started.wait()
        assert started.returncode == 0, words
        return said.decode()

    def end(self) -> None:
        """Kill all."""
        for _, process in self._lives:
            process.kill()

    async def get(self, at: Host, path: str) -> Any:
        """A JSON answer of the admin port."""
        return json.loads(await self._ask("GET", at, path))

    async def post(self, at: Host, path: str, body: dict[str, Any]) -> Any:
        """The same of a request with a body."""
        return json.loads(await self._ask("POST", at, path, body))

    async def statuses(self, at: Host) -> dict[str, str]:
        """Status of each member, as the node there holds it."""
        members = (await self.get(at, "/v1/members"))["members"]
        return {one["name"]: one["status"] for one in members}

    async def incarnations(self, at: Host) -> dict[str, int]:
        """The newest process of each member that the node there knows of."""
        members = (await self.get(at, "/v1/members"))["members"]
        return {one["name"]: one["incarnation"] for one in members}

    async def metric(self, at: Host, name: str, **labels: str) -> float:
        """One value of a node's metrics; a sum where several labels fit."""
        families = text_string_to_metric_families((await self._ask("GET", at, "/metrics")).decode())
        samples = (one for family in families for one in family.samples if one.name == name)
        return sum(one.value for one in samples if labels.items() <= one.labels.items())

    async def fetch(self, at: Host, path: str) -> Mapping[str, str]:
        """Take an object from the public port; the header of the answer."""
        connector = aiohttp.UnixConnector(self.network.door(at, PUBLIC))
        timeout = aiohttp.ClientTimeout(total=_ASK_S)
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout) as http,
            http.get(f"http://{at.address}{path}") as answer,
        ):
            await answer.read()
            assert answer.status == 200, path
            return answer.headers

    async def agree(self, within_s: float, among: Hosts = HOSTS, alive: Hosts = HOSTS) -> float:
        """Wait until each of `among` holds just these alive; how long that took, in seconds."""
        return await self.all_say(sorted(one.name for one in alive), self._alive, among, within_s)

    async def clear(self, within_s: float) -> float:
        """Wait until no node is in monsoon mode or near it; how long that took, in seconds."""

        async def mode(at: Host) -> Any:
            return (await self.get(at, "/v1/monsoon"))["mode"]

        return await self.all_say("clear", mode, HOSTS, within_s)

    async def all_say(self, wanted: object, ask: Ask, among: Hosts, within_s: float) -> float:
        """Wait until asking each of `among` gives what is wanted; how long that took, in seconds.

        All are asked at the same time, so what they say holds at one moment.
        """
        began = time.monotonic()
        while True:
            said = await asyncio.gather(*(ask(at) for at in among))
            took_s = time.monotonic() - began
            others = {at.name: one for at, one in zip(among, said, strict=True) if one != wanted}
            if not others:
                return took_s
            for host, process in self.running.items():
                assert process.popen.poll() is None, f"{host.name} ended: {process.said}"
            assert took_s < within_s, f"after {took_s:.1f} s not {wanted} but {others}"
            await asyncio.sleep(_LOOK_EVERY_S)

    def story(self, by: Hosts, about: Hosts, since: float = 0.0) -> list[Happening]:
        """All events at these nodes about those, in order of time; what earlier processes of theirs logged too."""
        since = since or self.since
        names = {one.name for one in about}
        told = [one for host, life in self._lives if host in by for one in _happenings(host, life.said)]
        wanted = [one for one in told if one.at >= since and one.node in names]
        return sorted(wanted, key=lambda one: one.at)  # of one node and moment in the order of its log

    def doubts(
        self, by: Hosts, about: Hosts, kinds: tuple[str, ...] = DOUBTS, since: float = 0.0
    ) -> list[str]:
        """Where these held those for suspect, or worse."""
        return [f"{one.by}: {one.text}" for one in self.story(by, about, since) if one.kind in kinds]

    async def _alive(self, at: Host) -> list[str]:
        """Whom the node there holds alive; nobody before it serves, or while it is too busy to answer."""
        try:
            held = await self.statuses(at)
        except (aiohttp.ClientConnectionError, TimeoutError):
            return []
        return sorted(name for name, status in held.items() if status == "alive")

    def _begin(self, host: Host, *arguments: str) -> None:
        name = f"{host.name}.{len(self._lives)}"  # a log of its own
        process = Process(name, self.folder, *arguments, within=self.network.within(host))
        self._lives.append((host, process))
        self.running[host] = process

    async def _ask(self, method: str, at: Host, path: str, body: Any = None) -> bytes:
        connector = aiohttp.UnixConnector(self.network.door(at, ADMIN))
        timeout = aiohttp.ClientTimeout(total=_ASK_S)
        headers = {"Authorization": f"Bearer {self._token}"}
        async with (
            aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as http,
            http.request(method, f"http://{at.address}{path}", json=body) as answer,
        ):
            said = await answer.read()
            assert answer.status in (200, 202), said
            return said


def _happenings(host: Host, log: str) -> Iterator[Happening]:
    for line in log.splitlines():
        entry = json.loads(line) if line.startswith("{") else {}
        if "kind" in entry:
            at = datetime.fromisoformat(entry["time"]).timestamp()
            yield Happening(at, host.name, entry["kind"], entry["node"], entry["message"])
