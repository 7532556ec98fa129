"""Starts the demo, says what there is to see, watches over it, takes it down."""

import asyncio
import base64
import contextlib
import os
import random
import secrets
import signal
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from edge.demo import watch
from edge.demo.cities import CITIES
from edge.demo.faults import Faults
from edge.demo.ports import HOST, PAGE_PORT, DemoPorts, choose_ports, claimed
from edge.demo.processes import Care, Child, describe, edge_command
from edge.demo.switchboard import Switchboard
from edge.demo.watch import Place
from edge.model import ConfigError
from edge.wire.keys import KEY_BYTES

ORIGIN_WITHIN_S = 20.0
WHOLE_WITHIN_S = 40.0
STATUS_EVERY_S = 10.0
KILLED = 130  # exit status after a second Ctrl-C, as a shell would report it
_POLL_S = 0.2
_LAST_WORDS = 3  # lines


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What may be set about the demo."""

    viewers: int = 300
    seed: int = 1
    arrive_s: float = 15.0  # 0: all at once
    browser: bool = False  # open the page
    page_port: int = PAGE_PORT  # where the page is, if that port is free


class Demo:
    """The running demo: children by name."""

    def __init__(self, settings: DemoSettings, ports: DemoPorts, care: Care) -> None:
        self.places = tuple(map(Place, CITIES, ports.cities))
        self.viewers: dict[str, Any] = {}  # their latest report
        self.killed = False
        self._settings = settings
        self._care = care
        self._origin = f"{HOST}:{ports.origin}"
        self._children: dict[str, Child] = {}
        rng = random.Random(settings.seed)
        self._switchboard = Switchboard(self.places, ports.control, self._on_faults, rng)

    async def start(self) -> None:
        """Network and origin first, then all nodes side by side, then, when everybody sees everybody, the viewers.

        Raises:
            ConfigError: a part did not come up; what is missing and its last words are in the message.
        """
        await self._switchboard.start()
        await self._add("origin", edge_command("origin", "--bind", self._origin)).start()
        async with watch.http_session() as session:
            await self._until(lambda: watch.origin_gap(session, f"http://{self._origin}"), ORIGIN_WITHIN_S)
            key = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
            nodes = [self._add(place.name, self._node_command(place, key)) for place in self.places]
            await asyncio.gather(*(node.start() for node in nodes))
            await self._until(lambda: watch.nodes_gap(session, self.places), WHOLE_WITHIN_S)
        if self._settings.viewers:
            await self._add("viewers", self._viewers_command(), self._on_viewers).start()

    async def stop(self) -> None:
        """Viewers first, so that they do not count the nodes' leaving as a failure; the origin last."""
        nodes = {place.name for place in self.places}
        for names in ({"viewers"}, nodes, {"origin"}):
            await asyncio.gather(*(self._children[name].stop() for name in names & self._children.keys()))
        await self._switchboard.close()

    def kill(self) -> None:
        """End all children at once."""
        self.killed = True
        for child in self._children.values():
            child.kill()

    def pid(self, name: str) -> int:
        """Of the child called `name`."""
        return self._children[name].pid

    def _add(self, name: str, command: list[str], on_line: Callable[[str], bool] = lambda _: False) -> Child:
        self._children[name] = Child(name, command, self._care, on_line)
        return self._children[name]

    def _node_command(self, place: Place, key: str) -> list[str]:
        city, ports = place
        keys = self._care.directory / f"{city.name}.keys"
        _write_secret(keys, key + "\n")
        others = [other for other in self.places if other is not place]
        settings = {
            "node-name": city.name,
            "node-cluster": "demo",
            "node-region": city.region,
            "node-zone": city.name,
            "node-isp": city.isp,
            "node-capacity": str(city.capacity(self._settings.viewers)),
            "node-tags": f"lat={city.lat},lon={city.lon},faults={self._switchboard.url}",
            "gossip-bind": f"{HOST}:{ports.inner}",
            "gossip-advertise": f"{HOST}:{ports.gossip}",
            "gossip-backup-bind": f"{HOST}:{ports.backup}",
            "gossip-seeds": ",".join(f"{HOST}:{other.ports.gossip}" for other in others),
            "gossip-keys-file": str(keys),
            "public-bind": f"{HOST}:{ports.public}",
            "admin-bind": f"{HOST}:{ports.admin}",
            "admin-page-origins": ",".join(each.admin for each in self.places),
            "cache-origin": f"http://{self._origin}",
        }
        return edge_command("run", *(f"--{flag}={value}" for flag, value in settings.items()))

    def _viewers_command(self) -> list[str]:
        settings = self._settings
        words = [
            f"--viewers={settings.viewers}",
            f"--seed={settings.seed}",
            f"--arrive-s={settings.arrive_s}",
        ]
        for place in self.places:
            words += [f"--node={place.name}={place.public}", f"--share={place.name}={place.city.share}"]
        return edge_command("demo-viewers", *words)

    async def _until(self, gap: Callable[[], Awaitable[str]], within_s: float) -> None:
        """Wait until nothing is missing any more."""
        deadline = time.monotonic() + within_s
        while missing := await gap():
            for child in self._children.values():
                if not child.running:
                    raise _failure(f"{child.name} ended ({describe(child.status or 0)})", [child])
            if time.monotonic() > deadline:
                silent = [child for child in self._children.values() if child.name in missing]
                raise _failure(f"not up after {within_s:.0f} s: {missing}", silent)
            await asyncio.sleep(_POLL_S)

    def _on_faults(self, faults: Faults) -> None:
        """The relay obeys them by itself; the origin is a process."""
        origin = self._children["origin"]
        if faults.origin_away:
            origin.hold()
        else:
            origin.release()

    def _on_viewers(self, line: str) -> bool:
        with contextlib.suppress(orjson.JSONDecodeError):
            report = orjson.loads(line)
            if isinstance(report, dict):
                self.viewers = report
                return True
        return False


async def run_demo(settings: DemoSettings, stop: asyncio.Event, out: Callable[[str], None]) -> int:
    """Run the demo until `stop`; the exit status: 0, or `KILLED` when a second signal cut the leaving short.

    Raises:
        ConfigError: it did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="edge-demo-") as name, claimed() as well_known:
        directory = Path(name)
        ports = choose_ports(len(CITIES), well_known=well_known, page_port=settings.page_port)
        demo = Demo(settings, ports, Care(directory, out))
        begun = time.monotonic()
        out("starting eight cities …")
        async with _running(demo, stop):
            if not stop.is_set():
                out(_banner(demo, settings, directory, time.monotonic() - begun))
                if settings.browser:
                    await asyncio.to_thread(webbrowser.open, demo.places[0].admin)
            while not stop.is_set():
                try:
                    await asyncio.wait_for(stop.wait(), STATUS_EVERY_S)
                except TimeoutError:
                    out(await watch.status_line(demo.places, demo.viewers))
            out("leaving … (Ctrl-C again kills)")
    out("all processes have ended")
    return KILLED if demo.killed else 0


@contextlib.asynccontextmanager
async def _running(demo: Demo, stop: asyncio.Event) -> AsyncIterator[None]:
    """The demo from start to end; a stop during the start is obeyed at once."""
    starting = asyncio.create_task(demo.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        yield
    finally:
        _on_next_signal(demo.kill)
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await demo.stop()


def _on_next_signal(action: Callable[[], None]) -> None:
    """From now on a signal means `action`; in a thread other than the main one signals stay as they are."""
    if threading.current_thread() is threading.main_thread():
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, action)


def _write_secret(path: Path, text: str) -> None:
    """Write a file that nobody else can read, not even for a moment."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="ascii") as file:  # noqa: PTH123  (a descriptor, not a path)
        file.write(text)


def _failure(problem: str, children: list[Child]) -> ConfigError:
    words = "\n".join(
        f"  {child.name}: {line}" for child in children for line in list(child.tail)[-_LAST_WORDS:]
    )
    return ConfigError("demo", problem, f"the last words were:\n{words}" if words else "nothing was said")


def _banner(demo: Demo, settings: DemoSettings, directory: Path, took_s: float) -> str:
    first, victim = demo.places[0], demo.places[6]
    option = "" if first.ports.admin == PAGE_PORT else f" --admin {first.admin}"
    return f"""
  live page   {first.admin}
  stream      {first.public}/v1/route/live/main.m3u8
  members     {_edge_command_name()} members{option}
  a failure   kill -9 {demo.pid(victim.name)}   ({victim.name}; it comes back by itself)
  faults      the page's buttons cut cities off, lose packets and take the origin away
  logs        {directory}
  viewers     {settings.viewers}, arriving within {settings.arrive_s:.0f} s

  eight cities are up after {took_s:.1f} s; Ctrl-C ends it
"""


def _edge_command_name() -> str:
    """How a person calls `edge` from here: by the way to the script beside this interpreter, if there is one."""
    script = Path(sys.executable).with_name("edge")
    if not script.exists():
        return "python -m edge"
    return str(script.relative_to(Path.cwd())) if script.is_relative_to(Path.cwd()) else str(script)
