"""An origin and nodes on loopback, as real processes, each node at an address of its own; with nginx where asked.

All nodes have the same port, as pods have, so that players can make clones of pathways. They are named after cities.
"""

import contextlib
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from edge.config import Source, load
from edge.demo.cities import CITIES, City
from edge.model import ConfigError
from edge.nginx.render import render
from loadtest import serving

BACKENDS = ("embedded", "nginx")
PATH = "/live/main.m3u8"
_FIRST_HOST = 10  # 127.0.0.10 and on
NODES_MAX = 200
_ROOM = 2.0  # capacity over viewers: a node's death must not make the others refuse
_CAPACITY_MIN = 16
_END_S = 30.0  # for a node that drains
DRAIN_S = 4.0
_TTL_S = 10  # between questions to who steers: drives are short


class Program:
    """A child process with all of its own children; it ends when this process does, if it can tell.

    Args:
        command: program and arguments.
    """

    def __init__(self, *command: str) -> None:
        self._command = command
        self._ended = False
        self._popen = self._started()

    @property
    def pid(self) -> int:
        """Of the process of this moment; another one after `again`."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._popen.poll() is None

    def signal(self, how: signal.Signals) -> None:
        """Send it and its children a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._popen.pid, how)

    def end(self) -> None:
        """Let it end, or kill it; once, for later its number may be another's."""
        if self._ended:
            return
        self._ended = True
        self.signal(signal.SIGCONT)
        if self._popen.poll() is None:
            self._popen.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_END_S)
        self.signal(signal.SIGKILL)
        self._popen.wait(_END_S)
        assert self._popen.stdin
        self._popen.stdin.close()

    def kill(self) -> None:
        """End it at once."""
        if not self._ended:
            self.signal(signal.SIGKILL)
            self.end()

    def again(self) -> None:
        """Start it anew, after it ended."""
        self.end()
        self._popen, self._ended = self._started(), False

    def _started(self) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,  # never written: its end tells the child that this process is gone
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us; and children of children are reached
        )


@dataclass(frozen=True, slots=True)
class Pod:
    """One node, and the nginx before it, if any."""

    name: str
    zone: str
    public: str
    admin: str
    folder: Path
    programs: tuple[Program, ...]  # the node is the last

    def kill(self) -> None:
        """End it at once."""
        for one in self.programs:
            one.signal(signal.SIGKILL)

    def drain(self) -> None:
        """Let the node hand its viewers over and end; then all of it ends. Waits."""
        for one in reversed(self.programs):
            one.end()

    def again(self, *, empty: bool) -> None:
        """Start it anew, with what its cache holds or without."""
        if empty:
            shutil.rmtree(self.folder / "cache", ignore_errors=True)
        for one in self.programs:
            one.again()


@dataclass(frozen=True, slots=True)
class Cluster:
    """All of it."""

    origin: Program
    pods: tuple[Pod, ...]

    @property
    def zones(self) -> tuple[tuple[str, float], ...]:
        """Cities with nodes, and their shares of the viewers."""
        there = {one.zone for one in self.pods}
        return tuple((city.name, city.share) for city in CITIES if city.name in there)


@contextmanager
def cluster(
    count: int, backend: str, viewers: int, drain_s: float = DRAIN_S, more: Mapping[str, str] | None = None
) -> Iterator[Cluster]:
    """So many nodes, with room for so many viewers; they end with the context.

    Args:
        count: of nodes, one for each city, and round again.
        backend: one of `BACKENDS`.
        viewers: at the peak.
        drain_s: how long one that is updated hands its viewers over.
        more: settings of all nodes; `{folder}` in them is a node's own.

    Raises:
        ConfigError: nginx is not installed, or loopback has one address only.
    """
    if backend == "nginx" and shutil.which("nginx") is None:
        raise ConfigError("--backend", "nginx is not installed", "apt-get install nginx-light")
    ports = serving.free_ports(4 * count + 1)
    port, origin_port = _shared_port(count), ports.pop()
    seeds = ",".join(f"127.0.0.1:{one}" for one in ports[: min(3, count)])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="drive-")))
        live = ("origin", "--bind", f"127.0.0.1:{origin_port}", "--exit-with-parent")
        origin = Program(sys.executable, "-m", "edge", *live)
        stack.callback(origin.kill)
        pods = list[Pod]()
        for number in range(count):
            given = {
                **_settings(number, count, viewers),
                "node.drain_s": f"{min(drain_s, _END_S / 2):g}",
                "gossip.bind": f"127.0.0.1:{ports[number]}",
                "gossip.seeds": seeds,
                "admin.bind": f"127.0.0.1:{ports[count + number]}",
                "public.bind": f"127.0.0.{_FIRST_HOST + number}:{port}",
                "cache.origin": f"http://127.0.0.1:{origin_port}",
            }
            if backend == "nginx":
                inner = ports[2 * count + number], ports[3 * count + number]
                given |= _nginx(folder / given["node.name"], inner)
            own = folder / given["node.name"]
            given |= {name: value.format(folder=own) for name, value in (more or {}).items()}
            pods.append(_pod(given, own, stack))
        yield Cluster(origin, tuple(pods))


def city_of(number: int) -> City:
    """Where a node is."""
    return CITIES[number % len(CITIES)]


def _settings(number: int, count: int, viewers: int) -> dict[str, str]:
    city, cities = city_of(number), [city_of(each) for each in range(count)]
    share = city.share / sum(one.share for one in cities)
    capacity = max(_CAPACITY_MIN, math.ceil(_ROOM * viewers * share))
    turn = number // len(CITIES)
    return {
        "node.name": f"{city.name}-{turn + 1}" if turn else city.name,
        "node.zone": city.name,
        "node.region": city.region,
        "node.cluster": "drive",
        "node.capacity": str(capacity),
        "steering.enabled": "true",
        "steering.ttl_s": str(_TTL_S),
        "log.level": "error",
    }


def _nginx(folder: Path, ports: tuple[int, int]) -> dict[str, str]:
    return {
        "cache.backend": "nginx",
        "nginx.bind": f"127.0.0.1:{ports[0]}",
        "nginx.status_bind": f"127.0.0.1:{ports[1]}",
        "nginx.folder": str(folder),
        "nginx.user": "root",
        "nginx.workers": "1",
        "nginx.disk_high": "0.99",
    }


def _pod(given: dict[str, str], folder: Path, stack: ExitStack) -> Pod:
    programs = list[Program]()
    if given.get("cache.backend") == "nginx":
        folder.mkdir()
        written = folder / "nginx.conf"
        written.write_text(render(load(Source.flags(given))))
        programs.append(Program("nginx", "-p", str(folder), "-c", str(written)))
        stack.callback(programs[-1].kill)
    run = (sys.executable, "-m", "edge", "run", *serving.flags(given), "--exit-with-parent")
    programs.append(Program(*run))
    stack.callback(programs[-1].kill)
    urls = f"http://{given['public.bind']}", f"http://{given['admin.bind']}"
    return Pod(given["node.name"], given["node.zone"], *urls, folder, tuple(programs))


def _shared_port(count: int) -> int:
    """A port that is free at the addresses of all nodes."""
    with ExitStack() as stack:
        try:
            first = stack.enter_context(socket.create_server((f"127.0.0.{_FIRST_HOST}", 0)))
            port = int(first.getsockname()[1])
            for number in range(1, count):
                stack.enter_context(socket.create_server((f"127.0.0.{_FIRST_HOST + number}", port)))
        except OSError as error:
            problem = f"no address for each node: {error.strerror or error}"
            raise ConfigError("--local", problem, "Linux has all of 127.0.0.0/8") from None
        return port
