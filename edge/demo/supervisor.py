"""Starts the demo, says what there is to see, watches over it, takes it down."""

import asyncio
import base64
import contextlib
import secrets
import socket
import tempfile
import time
import webbrowser
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson

from edge.demo.cities import CITIES, City
from edge.demo.ports import HOST, ORIGIN_PORT, CityPorts, city_ports, free_port
from edge.demo.processes import Child
from edge.model import ConfigError
from edge.wire.keys import KEY_BYTES

READY_WITHIN_S = 40.0
STATUS_EVERY_S = 10.0
_POLL_S = 0.1
_ASK_TIMEOUT = aiohttp.ClientTimeout(total=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSettings:
    """What may be set about the demo."""

    viewers: int = 300
    seed: int = 1
    arrive_s: float = 15.0
    browser: bool = False  # open the page


class Place(NamedTuple):
    """One city of the running demo."""

    city: City
    ports: CityPorts

    @property
    def admin(self) -> str:
        """URL of the admin port."""
        return f"http://{HOST}:{self.ports.admin}"

    @property
    def public(self) -> str:
        """URL of the public port."""
        return f"http://{HOST}:{self.ports.public}"


class Demo:
    """The running demo: children by name."""

    def __init__(self, settings: DemoSettings, directory: Path, out: Callable[[str], None]) -> None:
        self.places = tuple(Place(city, city_ports(index)) for index, city in enumerate(CITIES))
        self.viewers: dict[str, Any] = {}
        self._settings = settings
        self._directory = directory
        self._out = out
        self._origin_port = free_port(ORIGIN_PORT, socket.SOCK_STREAM)
        self._children: dict[str, Child] = {}

    async def start(self) -> None:
        """Origin first, then all nodes at once, then, when everybody sees everybody, the viewers.

        Raises:
            ConfigError: a part did not come up; its last words are in the message.
        """
        keys = self._directory / "cluster.keys"
        keys.touch(mode=0o600)
        keys.write_text(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n", encoding="ascii")
        self._add("origin", ["origin", "--bind", f"{HOST}:{self._origin_port}"])
        for place in self.places:
            self._add(place.city.name, self._node_arguments(place, keys))
        await asyncio.gather(*(child.start() for child in self._children.values()))
        await self._until_whole()
        if self._settings.viewers:
            self._add("viewers", self._viewer_arguments(), self._on_viewers)
            await self._children["viewers"].start()

    async def stop(self) -> None:
        """Viewers first, so that they do not count the nodes' leaving as a failure."""
        viewers = self._children.pop("viewers", None)
        if viewers:
            await viewers.stop()
        await asyncio.gather(*(child.stop() for child in self._children.values()))

    def pid(self, name: str) -> int:
        """Of the child called `name`."""
        return self._children[name].pid

    async def status(self) -> str:
        """One line."""
        async with aiohttp.ClientSession(timeout=_ASK_TIMEOUT) as session:
            for place in self.places:
                if view := await _get(session, place.admin + "/v1/view"):
                    return _status_line(view, self.viewers)
        return "no node answers"

    def _add(self, name: str, arguments: list[str], on_line: Callable[[str], None] | None = None) -> None:
        self._children[name] = Child(name, arguments, self._directory, self._out, on_line)

    def _node_arguments(self, place: Place, keys: Path) -> list[str]:
        city, ports = place
        seeds = ",".join(f"{HOST}:{other.ports.gossip}" for other in self.places if other is not place)
        settings = {
            "node-name": city.name,
            "node-cluster": "demo",
            "node-region": city.region,
            "node-zone": city.name,
            "node-isp": city.isp,
            "node-capacity": str(city.capacity(self._settings.viewers)),
            "node-tags": f"lat={city.lat},lon={city.lon}",
            "gossip-bind": f"{HOST}:{ports.gossip}",
            "gossip-seeds": seeds,
            "gossip-keys-file": str(keys),
            "public-bind": f"{HOST}:{ports.public}",
            "admin-bind": f"{HOST}:{ports.admin}",
            "admin-page-origins": ",".join(each.admin for each in self.places),
            "cache-origin": f"http://{HOST}:{self._origin_port}",
        }
        return ["run", *(word for flag, value in settings.items() for word in (f"--{flag}", value))]

    def _viewer_arguments(self) -> list[str]:
        settings = self._settings
        nodes = [word for place in self.places for word in ("--node", f"{place.city.name}={place.public}")]
        shares = [
            word for place in self.places for word in ("--share", f"{place.city.name}={place.city.share}")
        ]
        numbers = ["--viewers", str(settings.viewers), "--seed", str(settings.seed)]
        return ["demo-viewers", *nodes, *shares, *numbers, "--arrive-s", str(settings.arrive_s)]

    async def _until_whole(self) -> None:
        """Wait until every node sees all of them alive."""
        deadline = time.monotonic() + READY_WITHIN_S
        missing = {place.city.name for place in self.places}
        async with aiohttp.ClientSession(timeout=_ASK_TIMEOUT) as session:
            while missing:
                dead = self._dead()
                if dead or time.monotonic() > deadline:
                    raise self._not_whole(dead or sorted(missing))
                await asyncio.sleep(_POLL_S)
                for place in self.places:
                    view = (
                        await _get(session, place.admin + "/v1/view") if place.city.name in missing else None
                    )
                    if view and view["totals"]["alive"] == len(self.places):
                        missing.discard(place.city.name)

    def _dead(self) -> list[str]:
        return [name for name, child in self._children.items() if not child.running]

    def _not_whole(self, names: list[str]) -> ConfigError:
        words = "\n".join(
            f"  {name}: {line}" for name in names for line in list(self._children[name].tail)[-3:]
        )
        problem = f"not up after {READY_WITHIN_S:.0f} s: {', '.join(names)}"
        return ConfigError(
            "demo", problem, f"their last words are:\n{words}" if words else "they said nothing"
        )

    def _on_viewers(self, line: str) -> None:
        with contextlib.suppress(orjson.JSONDecodeError):
            self.viewers = orjson.loads(line)


async def run_demo(settings: DemoSettings, stop: asyncio.Event, out: Callable[[str], None]) -> int:
    """Run the demo until `stop`; 0 as exit status.

    Raises:
        ConfigError: it did not come up.
    """
    with tempfile.TemporaryDirectory(prefix="edge-demo-") as directory:
        begun = time.monotonic()
        out("starting eight cities …")
        async with _running(Demo(settings, Path(directory), out), stop) as demo:
            if not stop.is_set():
                out(_banner(demo, settings, Path(directory), time.monotonic() - begun))
                if settings.browser:
                    webbrowser.open(demo.places[0].admin)
            while not stop.is_set():
                try:
                    await asyncio.wait_for(stop.wait(), STATUS_EVERY_S)
                except TimeoutError:
                    out(await demo.status())
            out("leaving …")
    out("all processes have ended")
    return 0


@contextlib.asynccontextmanager
async def _running(demo: Demo, stop: asyncio.Event) -> AsyncIterator[Demo]:
    """The demo from start to end; a stop during the start is obeyed at once."""
    starting = asyncio.create_task(demo.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait([starting, stopping], return_when=asyncio.FIRST_COMPLETED)
        if starting.done():
            starting.result()
        yield demo
    finally:
        for task in (starting, stopping):
            task.cancel()
        await asyncio.gather(starting, stopping, return_exceptions=True)
        await demo.stop()


def _banner(demo: Demo, settings: DemoSettings, directory: Path, took_s: float) -> str:
    first, victim = demo.places[0], demo.places[6]
    option = "" if first.ports == (7700, 7701, 7702) else f" --admin {first.admin}"
    return f"""
  live page   {first.admin}
  stream      {first.public}/v1/route/live/main.m3u8
  members     .venv/bin/edge members{option}
  a failure   kill -9 {demo.pid(victim.city.name)}   ({victim.city.name}; it comes back by itself)
  logs        {directory}
  viewers     {settings.viewers}, arriving within {settings.arrive_s:.0f} s

  eight cities are up after {took_s:.1f} s; Ctrl-C ends it
"""


def _status_line(view: dict[str, Any], viewers: dict[str, Any]) -> str:
    totals = view["totals"]
    line = (
        f"{totals['alive']} of {totals['members']} alive, {totals['streams']} viewers, "
        f"{totals['mbps']:.1f} Mb/s, {totals['rps']} requests/s"
    )
    if viewers:
        line += f"; viewers re-routed {viewers['rerouted']} times, stalled {viewers['stalls']}"
    return line


async def _get(session: aiohttp.ClientSession, url: str) -> dict[str, Any] | None:
    try:
        async with session.get(url) as response:
            found: dict[str, Any] = orjson.loads(await response.read())
            return found if response.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, orjson.JSONDecodeError):
        return None
