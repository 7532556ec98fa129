"""A pretend Kubernetes API server: real HTTP, and of the API only what edge asks for.

It lists and watches EndpointSlices by resource version, and refuses, expires, drops and dawdles as a test wants it.
What a real one does is tested on a real cluster (tests/kube); this one does what that cannot be made to do on time.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from aiohttp import web

NAMESPACE = "live"
SERVICE = "edge-gossip"


def pod(host: str, zone: str = "", machine: str = "", uid: str = "") -> dict[str, Any]:
    """An endpoint of an EndpointSlice."""
    endpoint: dict[str, Any] = {"addresses": [host], "conditions": {"ready": False}}
    endpoint["targetRef"] = {"kind": "Pod", "name": f"pod-{host}", "uid": uid or f"uid-{host}"}
    return endpoint | ({"zone": zone} if zone else {}) | ({"nodeName": machine} if machine else {})


class PretendApiServer:
    """Starts as one with no slice that grants everything."""

    def __init__(self) -> None:
        self.url = ""
        self.slices: dict[str, dict[str, Any]] = {}
        self.machines: dict[str, dict[str, str]] = {}  # labels
        self.events: list[dict[str, Any]] = []
        self.asked: list[str] = []  # "list", "watch from 7", "node x", "event"
        self.refuses: dict[str, int] = {}  # "list", "watch", "node", "event": the status it answers
        self.mute = asyncio.Event()  # set: it takes connections and says nothing
        self.piece_bytes = 1 << 30  # a line is written in pieces of this size
        self.every_s = 0.0  # with such a pause between them
        self._version = 1
        self._oldest = 0  # versions before it have expired
        self._history: list[tuple[int, dict[str, Any]]] = []
        self._grown = asyncio.Condition()
        self.watching: set[asyncio.Task[Any]] = set()
        self._runner: web.AppRunner | None = None
        self._port = 0

    def kubeconfig(self, directory: Path) -> Path:
        """A file that leads here."""
        cluster = {"name": "pretend", "cluster": {"server": self.url}}
        context = {"name": "pretend", "context": {"cluster": "pretend", "user": "pod"}}
        user = {"name": "pod", "user": {"token": "secret"}}
        file = directory / "kubeconfig"
        text = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "pretend"}
        file.write_text(json.dumps(text), encoding="utf-8")  # JSON is YAML
        return file

    async def start(self) -> None:
        """Listen; the second time on the same port."""
        app = web.Application()
        slices = f"/apis/discovery.k8s.io/v1/namespaces/{NAMESPACE}/endpointslices"
        app.router.add_get(slices, self._slices)
        app.router.add_get("/api/v1/nodes/{name}", self._machine)
        app.router.add_post(f"/api/v1/namespaces/{NAMESPACE}/events", self._event)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"

    async def stop(self) -> None:
        """Refuse connections, and cut those that there are."""
        self.drop()
        if self._runner:
            await self._runner.cleanup()
            self._runner = None

    def drop(self) -> None:
        """Cut every watch in the middle."""
        for task in self.watching:
            task.cancel()

    def expire(self) -> None:
        """Forget all versions but a new one."""
        self._version += 1
        self._oldest = self._version

    async def put(
        self, name: str, *pods: dict[str, Any], port: int = 7700, port_name: str = "udp-gossip"
    ) -> None:
        """Add or change a slice."""
        kind = "MODIFIED" if name in self.slices else "ADDED"
        self._version += 1
        self.slices[name] = {
            "metadata": {"name": name, "namespace": NAMESPACE, "resourceVersion": str(self._version)},
            "addressType": "IPv4",
            "endpoints": list(pods) or None,
            "ports": [
                {"name": "http-admin", "port": 7701},
                {"name": port_name, "port": port, "protocol": "UDP"},
            ],
        }
        await self.say({"type": kind, "object": self.slices[name]})

    async def delete(self, name: str) -> None:
        """Remove a slice."""
        self._version += 1
        gone = self.slices.pop(name)
        gone["metadata"]["resourceVersion"] = str(self._version)
        await self.say({"type": "DELETED", "object": gone})

    async def bookmark(self, version: int) -> None:
        """Tell watchers how far they are; the world has moved on elsewhere."""
        self._version = version
        await self.say({"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": str(version)}}})

    async def say(self, line: dict[str, Any]) -> None:
        """Send a line to every watch."""
        async with self._grown:
            self._history.append((self._version, line))
            self._grown.notify_all()

    async def _slices(self, request: web.Request) -> web.StreamResponse:
        query = request.query
        assert query["labelSelector"] == f"kubernetes.io/service-name={SERVICE}"
        assert int(query["timeoutSeconds"]) > 0
        assert request.headers["Authorization"] == "Bearer secret"
        if self.mute.is_set():
            await asyncio.sleep(60)
        if query.get("watch") != "true":
            self.asked.append("list")
            if refusal := self._refusal("list"):
                return refusal
            return web.json_response(
                {
                    "metadata": {"resourceVersion": str(self._version)},
                    "items": list(self.slices.values()) or None,
                }
            )
        version = int(query["resourceVersion"])
        self.asked.append(f"watch from {version}")
        if version < self._oldest:
            return _status(410, "too old resource version")
        return self._refusal("watch") or await self._watch(request, version)

    async def _watch(self, request: web.Request, version: int) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        task = asyncio.current_task()
        assert task
        self.watching.add(task)
        sent = next((n for n, (at, _) in enumerate(self._history) if at > version), len(self._history))
        try:
            while True:
                async with self._grown:
                    while len(self._history) <= sent:
                        await self._grown.wait()
                await self._write(response, json.dumps(self._history[sent][1]).encode() + b"\n")
                sent += 1
        finally:
            self.watching.discard(task)

    async def _write(self, response: web.StreamResponse, line: bytes) -> None:
        for at in range(0, len(line), self.piece_bytes):
            await response.write(line[at : at + self.piece_bytes])
            await asyncio.sleep(self.every_s)

    async def _machine(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        self.asked.append(f"node {name}")
        if refusal := self._refusal("node"):
            return refusal
        if name not in self.machines:
            return _status(404, f'nodes "{name}" not found')
        return web.json_response({"metadata": {"name": name, "labels": self.machines[name]}})

    async def _event(self, request: web.Request) -> web.Response:
        self.asked.append("event")
        if refusal := self._refusal("event"):
            return refusal
        self.events.append(await request.json())
        return web.json_response(self.events[-1], status=201)

    def _refusal(self, what: str) -> web.Response | None:
        status = self.refuses.get(what)
        return _status(status, f"cannot {what}") if status else None


def _status(code: int, message: str) -> web.Response:
    return web.json_response({"kind": "Status", "code": code, "message": message}, status=code)
