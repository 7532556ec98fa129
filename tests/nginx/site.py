"""A real nginx in front of a real node, as a user starts them."""

import asyncio
import getpass
import os
import signal
import socket
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp

from asking import Answer, Viewer
from edge.app import Node
from edge.cli.settings import settings
from edge.nginx.backend import NginxBackend
from edge.nginx.render import render
from running import Running
from waiting import until

SCRIPT = Path(__file__).resolve().parents[2] / "helm/edge/files/nginx.sh"
TLS_FILES = ("public__tls_cert_file", "public__tls_key_file")


def free_ports(count: int) -> list[int]:
    """Ports that nobody has at this moment."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Site:
    """Settings, nginx and a client; the node runs in this process or in one of its own."""

    def __init__(self, folder: Path, origin: str, http: aiohttp.ClientSession, **more: str) -> None:
        public, fill, status = free_ports(3)
        self.folder = folder
        self.url = f"http{'s' if 'public__tls_cert_file' in more else ''}://127.0.0.1:{public}"
        self.trust: ssl.SSLContext | bool = True
        self.settings = {
            "node__name": "pune",
            "node__drain_s": "0",
            "cache__backend": "nginx",
            "cache__origin": origin,
            "public__bind": f"127.0.0.1:{public}",
            "nginx__bind": f"127.0.0.1:{fill}",
            "nginx__status_bind": f"127.0.0.1:{status}",
            "nginx__folder": str(folder),
            "nginx__user": getpass.getuser(),
            "nginx__workers": "2",
            "nginx__disk_high": "0.99",
            **more,
        }
        self.status_url = f"http://127.0.0.1:{status}/status"
        self._http = http
        self.nginx: asyncio.subprocess.Process | None = None

    async def start_nginx(self, *, by_script: bool = False, **env: str) -> None:
        """As a container would; by the script that looks after it in the chart's pod, or alone."""
        path = self.folder.with_suffix(".conf")
        path.write_text(render(settings(None, self.settings)))
        if by_script:
            files = [self.settings[name] for name in TLS_FILES if name in self.settings]
            # A shell's background job ignores these signals, and so would all below it.
            command = [
                "env",
                "--default-signal=INT,QUIT",
                "/bin/sh",
                str(SCRIPT),
                str(path),
                str(self.folder),
                *files,
            ]
        else:
            self.folder.mkdir(exist_ok=True)
            command = ["nginx", "-p", str(self.folder), "-c", str(path)]
        # A session of its own: what it has started can be ended with it, also where it is killed.
        self.nginx = await asyncio.create_subprocess_exec(
            *command, env=os.environ | env, start_new_session=True
        )
        async with asyncio.timeout(10):
            while not await self._answers():
                await asyncio.sleep(0.02)

    async def stop_nginx(self, how: signal.Signals = signal.SIGTERM) -> None:
        """It, and its workers, of which none is left in any case."""
        if self.nginx is None:
            return
        try:
            if self.nginx.returncode is None:
                self.nginx.send_signal(how)
                async with asyncio.timeout(10):
                    await self.nginx.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(self.nginx.pid, signal.SIGKILL)

    async def kill_nginx(self) -> None:
        """It and its workers at the same moment, with SIGKILL."""
        if self.nginx:
            with suppress(ProcessLookupError):
                os.killpg(self.nginx.pid, signal.SIGKILL)
            async with asyncio.timeout(10):
                await self.nginx.wait()

    async def start_node(self, running: Running) -> Node:
        """In this process; once it sends viewers to itself, for it has seen nginx."""
        given = {name: value for name, value in self.settings.items() if name != "node__name"}
        node = await running.start(self.settings["node__name"], **given)
        await until(lambda: node.backend.recorded and takers(node))
        return node

    @asynccontextmanager
    async def node_process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """A node of its own, killed with SIGKILL at the end; it answers when this begins."""
        given = {"gossip__bind": "127.0.0.1:0", "admin__bind": "127.0.0.1:0", **self.settings}
        flags = [f"--{name.replace('_', '-').replace('--', '-')}={value}" for name, value in given.items()]
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "edge", "run", *flags)
        try:
            async with asyncio.timeout(20):
                while (await self.get("/v1/route")).status == 503:
                    await asyncio.sleep(0.05)
            yield process
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            async with asyncio.timeout(10):
                await process.wait()

    async def get(self, path: str, method: str = "GET", **fields: str) -> Answer:
        """What a viewer gets."""
        return await Viewer(self._http, self.url, self.trust).get(path, method, **fields)

    async def _answers(self) -> bool:
        assert self.nginx
        assert self.nginx.returncode is None, "nginx has ended"
        try:
            async with self._http.get(self.status_url) as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False


def backend(node: Node) -> NginxBackend:
    """The node's, which is nginx."""
    assert isinstance(node.backend, NginxBackend)
    return node.backend


def takers(node: Node) -> int:
    """How many nodes it knows of that say that they take viewers."""
    return sum(one.load is not None and one.takes_viewers for one in node.gossip.view().nodes)


def cached_files(folder: Path) -> list[Path]:
    """All files of nginx's cache."""
    return [Path(where) / name for where, _, names in os.walk(folder / "cache") for name in names]
