"""Joins the parts of one node: binds, starts, publishes its own load, leaves gracefully.

This module may import every room but `edge.cli` and `edge.demo`.
"""

import asyncio
import logging
import pathlib
import random
import secrets
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack, suppress
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from edge.cache.cache import EdgeCache
from edge.cache.peers import PeerFills
from edge.cache.settings import CacheSettings
from edge.cache.upstream import Upstream
from edge.config import Config
from edge.gossip import GossipNode
from edge.gossip.node import Identity
from edge.model import Address, ConfigError, GossipEvent, Member, Status, incarnation_of
from edge.shell.admin import AdminFace, AdminSources
from edge.shell.backup import BackupSocket
from edge.shell.bulk import BulkClient, BulkFace
from edge.shell.discovery import Discovery
from edge.shell.events import EventActor
from edge.shell.gate import Gate
from edge.shell.kube.platform import Attached, Kubernetes
from edge.shell.lag import LagMeter
from edge.shell.metrics import Counted, NodeCollector, exposition
from edge.shell.monsoon import MonsoonParts, MonsoonRunner
from edge.shell.peers import Peers, Placed
from edge.shell.public import PublicFace
from edge.shell.sockets import bind, local_address, resolve
from edge.shell.udp import GossipTransport
from edge.shell.viewjson import SeenEvent, view_json
from edge.state.traffic import Traffic, Vitals
from edge.wire.frame import SESSION_BYTES
from edge.wire.keys import KeyRing

log = logging.getLogger("edge")

EVENTS_KEPT = 200
JOIN_PATIENCE_S = 3.0  # a node whose seeds are silent this long serves alone
LINGER_S = 0.7  # ticks on which the goodbye is repeated
PUBLISH_EVERY_S = 0.1  # how often the own load is looked at; it is told when it changed
CLOSE_S = 2.0  # for requests in flight; as long as the drain where that is longer


@dataclass(frozen=True, slots=True)
class Bound:
    """The node's sockets."""

    gossip: socket.socket
    backup: socket.socket | None
    public: socket.socket
    admin: socket.socket


class Node:
    """One running node.

    Args:
        config: all of its settings.
        kubernetes: what it runs on, if that is to be asked.

    Raises:
        ConfigError: a file cannot be read or an address cannot be had.
    """

    def __init__(self, config: Config, kubernetes: Kubernetes | None = None) -> None:
        self.config = config
        self._kubernetes = kubernetes
        with ExitStack() as undo:
            self._bound = _bind(config, undo)
            self._assemble(config)
            undo.pop_all()

    def _assemble(self, config: Config) -> None:
        """Make the parts around the sockets."""
        self._started = time.monotonic()
        self._ring = _read_ring(config)
        self._token = _read_token(config)
        self.member = _member(config, self._bound)
        identity = Identity(
            member=self.member,
            cluster=config.node.cluster,
            ring=self._ring,
            session=secrets.token_bytes(SESSION_BYTES),
            wall_offset_s=time.time() - self._started,
        )
        rng = random.Random(secrets.randbits(64))
        self.gossip = GossipNode(identity, config.gossip, rng, self._started)
        peers = Peers(config.node.name, config.node.cluster, self._ring)
        placed = Placed(self.gossip.view)
        self.cache = _cache(config, rng, peers, placed)
        self.traffic = Traffic()
        self.events = EventActor(self.gossip, self.cache, time.monotonic, self._pump)
        self._lag = LagMeter()
        gate = Gate(config.node.name, config.node.capacity, self.cache, self.traffic)
        self._face = PublicFace(self.cache, self.traffic, self.gossip.view, gate, peers)
        self.monsoon = MonsoonRunner(
            MonsoonParts(
                node=self.gossip,
                cache=self.cache,
                gate=gate,
                placed=placed,
                lag=self._lag,
                events=self.events,
                told=self._on_event,
                kubernetes=self._kubernetes,
            ),
            config.monsoon,
        )
        self._transport = GossipTransport(self.gossip, self._bound.gossip, self._on_event, self._act)
        self._backup = BackupSocket(self.gossip.backup, self._bound.backup, self._pump)
        self._bulk = BulkClient(self.gossip, time.monotonic, self._pump)
        seeds = [Address.parse(seed, "gossip.seeds") for seed in config.gossip.seeds]
        self._discovery = Discovery(seeds, self._on_seeds, config.gossip.reseed_s, self._is_alone)
        self._collector = NodeCollector(
            Counted(
                node=self.gossip,
                transport=self._transport,
                backup=self._backup,
                discovery=self._discovery,
                cache=self.cache,
                traffic=self.traffic,
                face=self._face,
                lag=self._lag,
                monsoon=self.monsoon,
                kubernetes=self._kubernetes,
            )
        )
        self._events: deque[SeenEvent] = deque(maxlen=EVENTS_KEPT)
        self._event_count = 0
        self._draining = False
        self._lost = asyncio.Event()  # set when another process has taken the name
        self._work: list[asyncio.Task[None]] = []

    async def run(self, stop: asyncio.Event, on_ready: Callable[[], None]) -> None:
        """Serve until `stop` is set, or the name is lost to another process; then leave.

        Raises:
            ConfigError: another process of this name is in the cluster.
        """
        async with AsyncExitStack() as stack:
            await self._start(stack)
            on_ready()
            await self._until(stop)
            if not self.gossip.conflict:
                await self._leave()
        if self.gossip.conflict:
            raise ConfigError(
                "node.name", self.gossip.conflict, "give this process another name or stop the other"
            )

    async def _until(self, stop: asyncio.Event) -> None:
        """Wait for the end; a background task that ends before is a bug, and is raised here."""
        waits = [asyncio.create_task(event.wait()) for event in (stop, self._lost)]
        await asyncio.wait([*waits, *self._work], return_when=asyncio.FIRST_COMPLETED)
        for wait in waits:
            wait.cancel()
        for task in self._work:
            if task.done():
                task.result()

    async def _start(self, stack: AsyncExitStack) -> None:
        await self.cache.start()
        stack.push_async_callback(self.cache.close)
        stack.push_async_callback(self._bulk.close)
        self._transport.start()
        stack.callback(self._transport.close)
        self._backup.start()
        stack.callback(self._backup.close)
        jobs = [self._lag.run(), self._publish(), self.monsoon.run()]
        if self._seeded:
            jobs.append(self._discovery.run())
        if self._kubernetes:
            self._work.append(
                self._kubernetes.attach(Attached(self.gossip, self._discovery.listed, self._pump))
            )
        for work in jobs:
            task = asyncio.create_task(work)
            self._work.append(task)
            stack.push_async_callback(_cancel, task)
        admin = AdminFace(
            AdminSources(
                self._view,
                lambda: exposition(self._collector),
                self._not_ready,
                self.events,
                BulkFace(self.gossip, time.monotonic).handle,
                self.monsoon,
            ),
            self._token,
            self.config.admin.page_origins,
        )
        close_s = max(CLOSE_S, self.config.node.drain_s)
        for app, sock in ((self._face.app(), self._bound.public), (admin.app(), self._bound.admin)):
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=close_s)
            await runner.setup()
            stack.push_async_callback(runner.cleanup)
            await web.SockSite(runner, sock).start()
        stack.callback(admin.close)
        log.info(
            "%s serves: public %s, admin %s, gossip %s",
            *(self.member.name, self.member.public, self.member.admin, self.member.address),
        )

    async def _leave(self) -> None:
        """Not ready, drained, gone: in this order, so that nobody is sent here any more when the sockets close."""
        log.info("%s leaves", self.member.name)
        self._draining = self._face.draining = True
        self._tell()
        await asyncio.sleep(self.config.node.drain_s)
        self.gossip.leave(time.monotonic())
        self._transport.pump()
        await asyncio.sleep(LINGER_S)

    async def _publish(self) -> None:
        """Tell the own load and hottest segments, when they change."""
        while True:
            self._tell()
            await asyncio.sleep(PUBLISH_EVERY_S)

    def _tell(self) -> None:
        now = time.monotonic()
        vitals = Vitals(
            capacity=self.config.node.capacity,
            lag_s=self._lag.lag_s,
            fill_failures=1.0 if self.cache.recent_failure else 0.0,
            draining=self._draining,
            level=self.monsoon.level,
        )
        self.gossip.update_load(self.traffic.load(vitals, now), now)
        self.gossip.set_popularity(self.traffic.top(now), now)
        self._transport.pump()

    def _act(self) -> None:
        """After everything that may have brought something to do."""
        self.events.act()
        self._bulk.act()
        self._backup.flush()

    def _pump(self) -> None:
        self._transport.pump()

    def _on_seeds(self, seeds: list[Address]) -> None:
        self.gossip.set_seeds(seeds, time.monotonic())
        self._transport.pump()

    def _on_event(self, event: GossipEvent) -> None:
        log.info("%s", event.text, extra={"kind": event.kind, "node": event.node})
        self._event_count += 1
        self._events.append(SeenEvent(self._event_count, time.time(), event.kind, event.node, event.text))
        if self._kubernetes:
            self._kubernetes.heard(event)
        if event.kind == "conflict":
            self._lost.set()

    def _view(self) -> dict[str, Any]:
        now = time.monotonic()
        return view_json(self.gossip.view(), self.config.node.cluster, now - self._started, now, self._events)

    def _not_ready(self) -> str:
        """Why no viewers should come; empty when they should."""
        if self._draining:
            return "draining"
        if self._is_alone() and self._seeded and time.monotonic() - self._started < JOIN_PATIENCE_S:
            return "joining"
        return ""

    @property
    def _seeded(self) -> bool:
        """Whether there may be others."""
        return bool(self.config.gossip.seeds) or self._kubernetes is not None

    def _is_alone(self) -> bool:
        return len(self.gossip.view().alive) <= 1


def _bind(config: Config, undo: ExitStack) -> Bound:
    """The sockets; `undo` closes those that were had, should anything after them fail."""

    def bound(address: str, field: str, kind: socket.SocketKind) -> socket.socket:
        return undo.enter_context(bind(Address.parse(address, field), field, kind))

    gossip, backup = config.gossip.bind, config.gossip.backup_bind
    return Bound(
        bound(gossip, "gossip.bind", socket.SOCK_DGRAM),
        bound(backup, "gossip.backup_bind", socket.SOCK_DGRAM) if backup else None,
        bound(config.public.bind, "public.bind", socket.SOCK_STREAM),
        bound(config.admin.bind, "admin.bind", socket.SOCK_STREAM),
    )


def _read_ring(config: Config) -> KeyRing:
    if not config.gossip.keys_file:
        return KeyRing.insecure(config.node.cluster)
    return KeyRing.parse(_read(config.gossip.keys_file, "gossip.keys_file"), config.gossip.keys_file)


def _read_token(config: Config) -> str:
    if not config.admin.token_file:
        return ""
    token = _read(config.admin.token_file, "admin.token_file").strip()
    if len(token) < 16:
        raise ConfigError(
            "admin.token_file", "holds less than 16 characters", "put a long random word into it"
        )
    return token


def _read(path: str, field: str) -> str:
    try:
        return pathlib.Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError(field, f"{path} cannot be read: {reason}", "name a readable text file") from None


def _member(config: Config, bound: Bound) -> Member:
    """This node's own record, with the ports that it really got."""
    node, gossip = config.node, config.gossip
    address = _advertised(gossip.advertise, "gossip.advertise", bound.gossip)
    backup = _advertised(gossip.backup_advertise, "gossip.backup_advertise", bound.backup)
    return Member(
        name=node.name,
        incarnation=incarnation_of(int(time.time())),
        status=Status.ALIVE,
        host=address.host,
        port=address.port,
        admin=config.admin.advertise or f"http://{local_address(bound.admin)}",
        public=config.public.advertise or f"http://{local_address(bound.public)}",
        region=node.region,
        zone=node.zone,
        isp=node.isp,
        tags=node.tags,
        backup_host=backup.host,
        backup_port=backup.port,
    )


def _advertised(given: str, field: str, sock: socket.socket | None) -> Address:
    """Where others reach a socket: as given, or else where it is bound; nowhere if there is none."""
    if sock is None:
        return Address("", 0)
    bound = local_address(sock)
    if not given:
        return bound
    numeric = resolve(Address.parse(given, field), field, socket.SOCK_DGRAM).address
    return Address(numeric.host, numeric.port or bound.port)


def _cache(config: Config, rng: random.Random, peers: Peers, placed: Placed) -> EdgeCache:
    settings = CacheSettings(
        origin=config.cache.origin,
        memory_bytes=config.cache.memory_bytes,
        object_max_bytes=config.cache.object_max_bytes,
        fill_timeout_s=config.cache.fill_timeout_s,
        disk_path=config.cache.disk_path,
        disk_max_bytes=config.cache.disk_max_bytes,
        disk_objects_max=config.cache.disk_objects_max,
    )
    name = config.node.name
    upstream = Upstream(name, settings, rng)
    if not config.cache.peer_fill:
        return EdgeCache(name, settings, upstream, time.monotonic)
    fills = PeerFills(upstream, settings, placed, peers.stamp)
    cache = EdgeCache(name, settings, fills, time.monotonic)
    fills.attach(cache, time.monotonic)
    return cache


async def _cancel(task: asyncio.Task[None]) -> None:
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
