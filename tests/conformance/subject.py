"""What viewers ask: a node that serves hits itself, or a real nginx in front of one."""

import socket
from dataclasses import dataclass

import aiohttp
from yarl import URL

from asking import Answer, Viewer
from edge.app import Node
from edge.nginx.backend import NginxBackend


@dataclass(frozen=True, slots=True)
class Subject:
    """One backend, and a viewer of it."""

    backend: str
    url: str
    node: Node
    http: aiohttp.ClientSession

    @property
    def tells_age_of_hits(self) -> bool:
        """Stock nginx cannot compute Age; it tells the moment of creation in Date, which caches below may use."""
        return self.backend != "nginx"

    @property
    def learns_late_that_a_volume_is_full(self) -> bool:
        """Stock nginx cuts a reply short that it cannot write. The node looks twice a second what others have left."""
        return self.backend == "nginx"

    @property
    def disk_full(self) -> bool:
        """Whether it says that nothing is stored for lack of room."""
        name = "nginx_disk_full" if self.backend == "nginx" else "cache_disk_full"
        return bool(self.node.backend.figures().gauges[name])

    @property
    def kept_off_disk(self) -> int:
        """How many answers it has not stored there for lack of room."""
        if isinstance(self.node.backend, NginxBackend):
            return self.node.backend.front.counters.passed.get("full", 0)
        counters = self.node.cache.counters
        return counters.disk_errors.get("full", 0) + counters.disk_skipped.get("paused", 0)

    @property
    def stored(self) -> int:
        """How many objects it holds on disk, as far as it knows, those that wait to be written included."""
        return self.node.backend.figures().tiers[-1].objects

    @property
    def written(self) -> int:
        """How many objects are on disk, where none was removed yet."""
        return self.stored if self.backend == "nginx" else self.node.cache.counters.disk_written

    async def get(self, path: str, method: str = "GET", **fields: str) -> Answer:
        """What a viewer gets."""
        return await Viewer(self.http, self.url).get(path, method, **fields)

    def raw(self, path: str, timeout_s: float = 5.0) -> bytes:
        """All that comes on a connection until its end, however it ends; blocks."""
        host, port = URL(self.url).host or "", URL(self.url).port or 80
        got = b""
        with socket.create_connection((host, port), timeout_s) as sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            try:
                while piece := sock.recv(65536):
                    got += piece
            except ConnectionResetError:
                pass
        return got
