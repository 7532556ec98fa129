"""A real Prometheus beside a demo that runs: it scrapes all nodes that one lists, and has the chart's alerts."""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import yaml
from yarl import URL

from edge.model import ConfigError
from helm.render import Where, render

PORT = 9090
RELEASE = Where(name="edge", namespace="demo")  # what job and namespace the alerts are for
_READY_WITHIN_S = 30.0
_END_WITHIN_S = 10.0
_LAST_WORDS = 5  # lines


@dataclass(frozen=True, slots=True)
class Seen:
    """What a node tells of its cluster."""

    cluster: str
    admins: dict[str, str]  # URL of each member's admin port, by name


@dataclass(frozen=True, slots=True)
class Settings:
    """How Prometheus is run."""

    folder: Path  # for its configuration, its data and its log
    port: int = PORT
    every_s: int = 5  # between two scrapes of a node


class Prometheus:
    """One that runs and is ready.

    Args:
        http: asks it.
        url: where it is.
    """

    def __init__(self, http: aiohttp.ClientSession, url: str) -> None:
        self._http = http
        self.url = url

    async def ask(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression has now.

        Raises:
            AssertionError: Prometheus refuses it; why is in the message.
        """
        answer = await self._get(URL(f"{self.url}/api/v1/query").with_query(query=expression))
        assert answer["status"] == "success", f"{expression}: {answer.get('error')}"
        return list(answer["data"]["result"])

    async def rules(self) -> list[dict[str, Any]]:
        """Its alerts, with their state."""
        answer = await self._get(URL(f"{self.url}/api/v1/rules"))
        return [rule for group in answer["data"]["groups"] for rule in group["rules"]]

    async def _get(self, url: URL) -> dict[str, Any]:
        async with self._http.get(url) as response:
            found: dict[str, Any] = await response.json()
            return found


def port_for(wanted: int) -> int:
    """`PORT` where nobody has it and another where somebody does, or the one that is wanted.

    Debian starts a Prometheus of its own at `PORT` when it is installed.

    Args:
        wanted: 0: any.

    Raises:
        ConfigError: somebody has the one that is wanted.
    """
    for port in (wanted,) if wanted else (PORT, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock, suppress(OSError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            return int(sock.getsockname()[1])
    raise ConfigError("--port", f"somebody has port {wanted} of 127.0.0.1", "name another, or none")


async def seen_by(http: aiohttp.ClientSession, admin: str) -> Seen:
    """The cluster of the node at an admin port.

    Raises:
        ConfigError: there is no node of ours.
    """
    try:
        async with http.get(f"{admin}/v1/view") as response:
            view = await response.json()
            admins = {one["name"]: one["admin"] for one in view["members"] if one["status"] == "alive"}
            return Seen(view["cluster"], admins)
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError, KeyError, TypeError):
        raise ConfigError(
            "--admin",
            f"no node of a demo answers at {admin}",
            "start one with `make run` and give the address of its live page: make monitoring ARGS='--admin URL'",
        ) from None


def configuration(seen: Seen, every_s: int) -> dict[str, Any]:
    """Of a Prometheus that scrapes these nodes, each with the labels that the chart's monitors give."""
    found = [
        {"targets": [urlsplit(admin).netloc], "labels": {"namespace": RELEASE.namespace, "pod": name}}
        for name, admin in sorted(seen.admins.items())
    ]
    return {
        "global": {"scrape_interval": f"{every_s}s", "evaluation_interval": f"{every_s}s"},
        "rule_files": ["rules.yaml"],
        "scrape_configs": [{"job_name": RELEASE.name, "static_configs": found}],
    }


def rules() -> dict[str, Any]:
    """The chart's alerts, as a file of rules."""
    values = {"monitoring": {"prometheusRule": {"enabled": True}}}
    return dict(render(values, RELEASE).one("PrometheusRule")["spec"])


@asynccontextmanager
async def started(
    http: aiohttp.ClientSession, seen: Seen, settings: Settings
) -> AsyncIterator[tuple[Prometheus, asyncio.subprocess.Process]]:
    """Run Prometheus until the end, and wait until it is ready.

    Raises:
        ConfigError: it is not installed, or does not start; its last words are in the message.
    """
    program = shutil.which("prometheus")
    if program is None:
        raise ConfigError(
            "prometheus", "is not installed", "on Debian and Ubuntu: apt-get install prometheus"
        )
    folder, url = settings.folder, f"http://127.0.0.1:{settings.port}"
    for name, text in (("prometheus", configuration(seen, settings.every_s)), ("rules", rules())):
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(text, sort_keys=False), "utf-8")
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            "--storage.tsdb.retention.size=512MB",
            f"--web.listen-address=127.0.0.1:{settings.port}",
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for who started it, and ends it in order
        )
    try:
        await _ready(http, url, process, folder)
        yield Prometheus(http, url), process
    finally:
        await _ended(process)


async def _ready(
    http: aiohttp.ClientSession, url: str, process: asyncio.subprocess.Process, folder: Path
) -> None:
    for _ in range(int(_READY_WITHIN_S / 0.1)):
        if process.returncode is not None:
            break
        with suppress(aiohttp.ClientError, TimeoutError):
            async with http.get(f"{url}/-/ready") as response:
                if response.status == 200:
                    return
        await asyncio.sleep(0.1)
    words = (folder / "prometheus.log").read_text("utf-8", "replace").splitlines()[-_LAST_WORDS:]
    raise ConfigError("prometheus", f"does not answer at {url}", "its last words were:\n" + "\n".join(words))


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        await asyncio.wait_for(process.wait(), _END_WITHIN_S)
    except TimeoutError:
        process.kill()
        await process.wait()
