"""Real servers on loopback, each a process of its own, and wrk, which asks them as fast as it can."""

import http.client
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from edge.config import Source, load
from edge.model import ConfigError
from edge.nginx.render import render

PAIRS = 7
_CONNECTIONS = 64
_OPEN_CONNECTIONS = 32  # as many ask in the same millisecond: h2load has one clock for all of them
_SECONDS = 2
_START_S = 20.0
_RATE = re.compile(r"Requests/sec:\s+([\d.]+)")
_WRONG = re.compile(r"Non-2xx or 3xx responses: (\d+)|Socket errors: .*")

_SHORTEST = """
user root;
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 16384; }}
http {{
    default_type application/octet-stream;
    server_tokens off;
    sendfile {sendfile};
    tcp_nopush off;
    tcp_nodelay on;
    keepalive_timeout 65s;
    keepalive_requests 100000;
    access_log off;
    {http}
    server {{
        listen 127.0.0.1:{public} backlog=4096;
        {served}
    }}
}}
"""


def wrk(url: str, script: Path | None = None) -> float:
    """Requests a second that `url` answers; a `script` in Lua may vary them.

    Raises:
        ConfigError: wrk is not installed.
        RuntimeError: some were not answered, or with an error.
    """
    scripted = ["-s", str(script)] if script else []
    said = said_by(["wrk", "-t1", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", *scripted, url], url)
    found = _RATE.search(said)
    if found is None:
        raise RuntimeError(f"{url}: {said}")
    return float(found.group(1))


def said_by(command: list[str], url: str) -> str:
    """What wrk prints.

    Args:
        command: wrk and its arguments.
        url: what it asks.

    Raises:
        ConfigError: wrk is not installed.
        RuntimeError: some were not answered, or with an error.
    """
    if shutil.which("wrk") is None:
        raise ConfigError("wrk", "is not installed", "apt-get install wrk")
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    if _WRONG.search(said):
        raise RuntimeError(f"{url}: {said}")
    return said


def ratio(one: str, other: str, script: Path | None = None) -> tuple[float, float]:
    """Median of interleaved pairs: how much faster `one` is than `other`; and the median rate of `one`."""
    for url in (one, other):
        wrk(url, script)
    pairs = [(wrk(one, script), wrk(other, script)) for _ in range(PAIRS)]
    return statistics.median(a / b for a, b in pairs), statistics.median(a for a, _ in pairs)


def open_loop(urls: Sequence[str], rate: float, seconds: int) -> float:
    """99th percentile of the time to an answer, seconds, where requests come at `rate` a second whatever is answered.

    Raises:
        ConfigError: h2load is not installed.
        RuntimeError: some were not answered, or with an error; or the rate was not reached.
    """
    if shutil.which("h2load") is None:
        raise ConfigError("h2load", "is not installed", "apt-get install nghttp2-client")
    with tempfile.TemporaryDirectory() as folder:
        log, listed = Path(folder) / "log", Path(folder) / "urls"
        listed.write_text("\n".join(urls) + "\n")
        each = rate / _OPEN_CONNECTIONS
        asked = ["h2load", "--h1", f"-c{_OPEN_CONNECTIONS}", "-t1", f"-D{seconds}", "--warm-up-time=1"]
        asked += [f"--rps={each:.3f}", f"--log-file={log}", f"-i{listed}"]
        said = subprocess.run(asked, capture_output=True, text=True, timeout=seconds + 60, check=True).stdout
        told = [line.split("\t") for line in log.read_text().splitlines()]
    took = sorted(int(micros) for _, status, micros in told if status.startswith(("2", "3")))
    if len(took) < len(told) or len(took) < 0.9 * rate * seconds:
        raise RuntimeError(f"{len(took)} good answers of {len(told)} at {rate:.0f} a second: {said}")
    return took[int(0.99 * len(took))] / 1e6


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[str]]:
    """A process that is killed at the end."""
    popen = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield popen
    finally:
        popen.terminate()
        try:
            popen.wait(10)
        except subprocess.TimeoutExpired:
            popen.kill()
            popen.wait(10)


@contextmanager
def bare() -> Iterator[str]:
    """A bare aiohttp server; its URL."""
    with printing("loadtest.bare") as url:
        yield url


@contextmanager
def printing(*module: str) -> Iterator[str]:
    """A module that runs as a process and prints its URL first; that URL."""
    with process(sys.executable, "-m", *module) as popen:
        assert popen.stdout
        yield popen.stdout.readline().strip()


@contextmanager
def node(origin: str, **more: str) -> Iterator[str]:
    """`edge run` before an origin; the URL of its public port, or of the nginx that is to stand before it."""
    (public,) = free_ports(1)
    given = {"public.bind": f"127.0.0.1:{public}"} | settings(origin, more)
    url = f"http://{given['public.bind']}"
    with process(sys.executable, "-m", "edge", "run", *flags(given)):
        yield url


def flags(given: Mapping[str, str]) -> list[str]:
    """Settings as `edge run` takes them."""
    return [f"--{name.replace('.', '-').replace('_', '-')}={value}" for name, value in given.items()]


@contextmanager
def nginx_with_node(origin: str, folder: Path, **given: str) -> Iterator[str]:
    """nginx as `edge nginx-config` has it, and the node behind it; `given` are settings of both."""
    more = _before(folder) | given
    text = render(load(Source.flags(settings(origin, more))))
    with _nginx(text, folder), node(origin, **more) as url:
        yield url


@contextmanager
def nginx_without_node(origin: str, folder: Path) -> Iterator[str]:
    """The same nginx without `edge` and log: it asks the origin itself."""
    more = _before(folder)
    lines = render(load(Source.flags(settings(origin, more)))).splitlines()
    unlogged = (line for line in lines if not line.lstrip().startswith("access_log /"))
    text = "\n".join(unlogged).replace(more["nginx.bind"], origin.removeprefix("http://"))
    with _nginx(text, folder):
        yield f"http://{more['public.bind']}"


def _before(folder: Path) -> dict[str, str]:
    """Settings of a node with nginx before it."""
    public, fill, status = free_ports(3)
    return {
        "public.bind": f"127.0.0.1:{public}",
        "cache.backend": "nginx",
        "nginx.bind": f"127.0.0.1:{fill}",
        "nginx.status_bind": f"127.0.0.1:{status}",
        "nginx.folder": str(folder),
        "nginx.user": "root",
        "nginx.workers": "1",
        "nginx.disk_high": "0.99",
    }


@contextmanager
def plain_nginx(origin: str, folder: Path) -> Iterator[str]:
    """nginx that caches for itself by the shortest configuration that does, and writes no log."""
    (public,) = free_ports(1)
    keeps = "levels=1:2 use_temp_path=off keys_zone=plain:10m max_size=1g inactive=600s"
    cache = f"proxy_cache_path {folder}/cache {keeps};"
    served = f'location / {{ proxy_cache plain; proxy_cache_key "$uri"; proxy_pass {origin}; }}'
    with _nginx(
        _SHORTEST.format(folder=folder, sendfile="on", http=cache, public=public, served=served), folder
    ):
        yield f"http://127.0.0.1:{public}"


@contextmanager
def static_nginx(path: str, body: bytes, folder: Path, sendfile: str = "on") -> Iterator[str]:
    """nginx that gives one file, by the shortest configuration that does."""
    (public,) = free_ports(1)
    file = folder / "files" / path.lstrip("/")
    file.parent.mkdir(parents=True)
    file.write_bytes(body)
    served = f"root {folder}/files;"
    with _nginx(
        _SHORTEST.format(folder=folder, sendfile=sendfile, http="", public=public, served=served), folder
    ):
        yield f"http://127.0.0.1:{public}"


def fetched(url: str) -> bytes:
    """The body that a URL gives."""
    with urllib.request.urlopen(url, timeout=_START_S) as answer:  # noqa: S310  (of a server started here)
        body: bytes = answer.read()
    return body


def settings(origin: str, more: Mapping[str, str]) -> dict[str, str]:
    """Of a node that is alone."""
    binds = {f"{section}.bind": "127.0.0.1:0" for section in ("gossip", "admin")}
    return {"node.name": "bench", "node.drain_s": "0", "cache.origin": origin, **binds, **more}


def warmed(url: str, path: str) -> str:
    """The URL of a path once it has been answered three times."""
    deadline, answered = time.monotonic() + _START_S, 0
    while answered < 3:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{url}{path} gives no answer")
        try:
            answered += _status(url, path) == 200
        except (OSError, http.client.HTTPException):
            time.sleep(0.05)
    return url + path


def free_ports(count: int) -> list[int]:
    """Ports that nobody has at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _status(url: str, path: str) -> int:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=2)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.read()
        return answer.status
    finally:
        connection.close()


@contextmanager
def _nginx(text: str, folder: Path) -> Iterator[None]:
    if shutil.which("nginx") is None:
        raise ConfigError("nginx", "is not installed", "apt-get install nginx-light")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "bench.conf"
    path.write_text(text)
    with process("nginx", "-p", str(folder), "-c", str(path)):
        yield
