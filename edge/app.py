"""Joins the parts of one node: binds, starts, publishes its own load, leaves gracefully.

This module may import every room but `edge.cli` and `edge.demo`.
"""

import asyncio
import logging
import random
import secrets
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, ExitStack
from typing import Any

from aiohttp import web

from edge.cache.upstream import PeerTls
from edge.config import Config
from edge.decide.origins import Origins
from edge.decide.popularity import Popularity
from edge.gossip import GossipNode
from edge.model import Address, ConfigError, GossipEvent
from edge.shell.admin import AdminFace, AdminSources
from edge.shell.adminport import AdminPort
from edge.shell.audience import Audience, AudienceParts
from edge.shell.backend import backend_of, join, public_tls
from edge.shell.backup import BackupSocket
from edge.shell.bound import bind_all, own_record
from edge.shell.bulk import BulkClient, BulkFace
from edge.shell.discovery import Discovery
from edge.shell.events import EventActor
from edge.shell.filling import Ways, filling
from edge.shell.gate import Gate
from edge.shell.identity import identity_of
from edge.shell.keykeeper import KeyKeeper
from edge.shell.kube.platform import Attached, Kubernetes
from edge.shell.lag import LagMeter
from edge.shell.metrics import Counted, NodeCollector, exposition
from edge.shell.monsoon import MonsoonParts, MonsoonRunner
from edge.shell.orders import PurgeMethod
from edge.shell.origins import OriginWatch
from edge.shell.peers import Peers, Placed
from edge.shell.prewarm import Prewarmer, PrewarmParts
from edge.shell.public import PublicFace
from edge.shell.publishing import Publishing, PublishingParts
from edge.shell.schedule import Schedule, ScheduleParts
from edge.shell.schedule_desk import ScheduleDesk
from edge.shell.steering import SteeringFace
from edge.shell.story import Story
from edge.shell.tasks import cancel
from edge.shell.tls import PublicTls
from edge.shell.tracing.hooks import tracing_of
from edge.shell.udp import GossipTransport
from edge.shell.viewjson import served_json, view_json
from edge.state.traffic import Traffic

log = logging.getLogger("edge")

JOIN_PATIENCE_S = 3.0  # a node whose seeds are silent this long serves alone
LINGER_S = 0.7  # ticks on which the goodbye is repeated
CLOSE_S = 2.0  # for requests in flight; as long as the drain where that is longer


class Node:
    """One running node.

    Args:
        config: all of its settings.
        kubernetes: what it runs on, if that is to be asked.
        wall: seconds since 1970; read once, for the monotonic clock goes on from there.

    Raises:
        ConfigError: a file cannot be read or an address cannot be had.
    """

    def __init__(
        self,
        config: Config,
        kubernetes: Kubernetes | None = None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.config = config
        self._kubernetes = kubernetes
        with ExitStack() as undo:
            self._bound = bind_all(config, undo)
            self._started = time.monotonic()
            self._wall_offset_s = wall() - self._started
            self._assemble(config)
            undo.pop_all()

    def _assemble(self, config: Config) -> None:
        """Make the parts around the sockets."""
        self._admin = AdminPort(config.admin)
        peer_tls = PeerTls()
        self._tls = PublicTls(config.public, peer_tls)
        self.member = own_record(config, self._bound)
        rng = random.Random(secrets.randbits(64))
        identity = identity_of(config, self.member, self._wall_offset_s)
        self.gossip = GossipNode(identity, config.gossip, rng, self._started)
        peers = Peers(config.node.name, config.node.cluster, self.gossip.keys)
        popularity = Popularity(self.gossip.view, config.prewarm.prefer)
        placed = Placed(self.gossip.view, popularity, config.cache.hot_rate)
        self._tracing = tracing_of(config)
        filled = filling(config, rng, Ways(peers, placed, peer_tls, self._tracing))
        self.cache = filled.cache
        self._origins = OriginWatch(filled.origins, config.origin, self._on_event)
        self.traffic = Traffic()
        gate = Gate(config.node.name, config.node.capacity, self.cache, self.traffic, rng)
        self.backend = backend_of(config, self.cache, self.traffic, gate)
        self.events = EventActor(self.gossip, self._tracing.purges(self.backend), time.monotonic, self._pump)
        self._keys = KeyKeeper(self.gossip, config, self.events, self._on_event)
        self._lag = LagMeter()
        self._open_face(gate, peers, placed, rng)
        self.prewarm = Prewarmer(
            PrewarmParts(
                view=self.gossip.view,
                popularity=popularity,
                cache=self.cache,
                backend=self.backend,
                placed=placed,
                traffic=self.traffic,
                measures=lambda: gate.measures,
                events=self.events,
            ),
            config,
        )
        self.schedule = self._scheduled()
        self.monsoon = self._degrading(gate, placed)
        self._publishing = self._telling()
        self._transport = GossipTransport(self.gossip, self._bound.gossip, self._on_event, self._act)
        self._backup = BackupSocket(self.gossip.backup, self._bound.backup, self._pump)
        self._bulk = BulkClient(self.gossip, time.monotonic, self._pump, self._admin.peers)
        seeds = [Address.parse(seed, "gossip.seeds") for seed in config.gossip.seeds]
        self._discovery = Discovery(seeds, self._on_seeds, config.gossip.reseed_s, self._is_alone)
        self._collector = NodeCollector(self._counted(filled.origins))
        self._events = Story()
        self._lost = asyncio.Event()  # set when another process has taken the name
        self._work: list[asyncio.Task[None]] = []

    def _open_face(self, gate: Gate, peers: Peers, placed: Placed, rng: random.Random) -> None:
        """Make what answers at the public port."""
        config, view = self.config, self.gossip.view
        self._routes = self._tracing.routes(view, config.routing, rng)
        self._routes.on_sent = self.gossip.trust.sent
        self._face = PublicFace(self.cache, self.traffic, self._routes, gate, peers)
        self._face.purging = PurgeMethod(self.events, self._admin.warden)
        self._face.on_asked = placed.wanted
        parts = AudienceParts(
            node=self.gossip,
            cache=self.cache,
            traffic=self.traffic,
            gate=gate,
            locator=self._routes.locator,
            router=self._routes.router,
            told=self._on_event,
        )
        self.audience = self._face.audience = Audience(parts, config, rng)
        self._routes.settled = self.audience.sessions.settled
        self._steering = self._face.steering = SteeringFace(view, config.steering, config.routing, rng)
        self._steering.zone_of = lambda request: self._routes.locator.place(request).zone
        if config.signing.enabled:
            from edge.shell.signing.guard import Guard  # noqa: PLC0415  # what it needs costs 60 ms of a start

            self._face.signing = Guard(config.signing, config.public.scheme == "https")
        join(self._face, self.backend)

    def _degrading(self, gate: Gate, placed: Placed) -> MonsoonRunner:
        """What degrades service."""
        return MonsoonRunner(
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
            self.config.monsoon,
        )

    def _scheduled(self) -> Schedule:
        """What is scheduled, by the clock that peers measure."""

        def wall() -> float:
            return time.monotonic() + self._wall_offset_s

        parts = ScheduleParts(
            view=self.gossip.view,
            events=self.events,
            wall=wall,
            hasten=lambda: self.gossip.hasten(time.monotonic()),
            told=self._on_event,
        )
        made = Schedule(parts, self.config.schedule)
        self.prewarm.announcements.wall = wall
        self.prewarm.follow(made)
        return made

    def _telling(self) -> Publishing:
        """What tells the others of this node's load."""
        parts = PublishingParts(
            node=self.gossip,
            traffic=self.traffic,
            lag=self._lag,
            cache=self.cache,
            backend=self.backend,
            monsoon=self.monsoon,
            audience=self.audience,
            pump=self._pump,
        )
        return Publishing(parts, self.config.node.capacity)

    def _counted(self, origins: Origins) -> Counted:
        """The parts that metrics are read from."""
        return Counted(
            cluster=self.config.node.cluster,
            node=self.gossip,
            transport=self._transport,
            backup=self._backup,
            discovery=self._discovery,
            cache=self.cache,
            backend=self.backend,
            traffic=self.traffic,
            face=self._face,
            lag=self._lag,
            monsoon=self.monsoon,
            prewarm=self.prewarm,
            schedule=self.schedule,
            audience=self.audience,
            origins=origins,
            tls=self._tls,
            tracing=self._tracing,
            admin=self._admin,
            events=self.events,
            keys=self._keys,
            kubernetes=self._kubernetes,
        )

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
        await self.backend.start()
        stack.push_async_callback(self.backend.close)
        stack.push_async_callback(self._bulk.close)
        stack.push_async_callback(self._tracing.close)
        self._transport.start()
        stack.callback(self._transport.close)
        self._backup.start()
        stack.callback(self._backup.close)
        jobs = [
            self._lag.run(),
            self._publishing.run(),
            self.monsoon.run(),
            self._origins.run(),
            self._tls.run(),
        ]
        jobs += [self._keys.run(), self.prewarm.run(), self.schedule.run(), self.audience.quality.run()]
        jobs.append(self._routes.locator.places.run())
        if self._steering.enabled:
            jobs.append(self._steering.run())
        if self._face.signing:
            jobs.append(self._face.signing.run())
        if self._seeded:
            jobs.append(self._discovery.run())
        if self._kubernetes:
            self._work.append(
                self._kubernetes.attach(Attached(self.gossip, self._discovery.listed, self._pump))
            )
        for work in jobs:
            task = asyncio.create_task(work)
            self._work.append(task)
            stack.push_async_callback(cancel, task)
        admin = AdminFace(
            AdminSources(
                self._view,
                lambda: exposition(self._collector),
                self._not_ready,
                self.events,
                BulkFace(self.gossip, time.monotonic).handle,
                self.monsoon,
                self.prewarm,
                self._routes,
                ScheduleDesk(self.schedule, self.events, self.gossip.view),
                self._keys,
                self.audience,
                self._events,
            ),
            self._admin.warden,
            self.config.admin.page_origins,
        )
        close_s = max(CLOSE_S, self.config.node.drain_s)
        public = web.ServerRunner(
            web.Server(self._tracing.served(self._face), access_log=None),
            handle_signals=False,
            shutdown_timeout=close_s,
        )
        await public.setup()
        stack.push_async_callback(public.cleanup)
        await web.SockSite(public, self._bound.public, ssl_context=public_tls(self.config, self._tls)).start()
        for task in await self._admin.open(stack, admin.app(), self._bound.admin, close_s):
            self._work.append(task)
            stack.push_async_callback(cancel, task)
        stack.callback(admin.close)
        log.info(
            "%s serves: public %s, admin %s, gossip %s",
            *(self.member.name, self.member.public, self.member.admin, self.member.address),
        )

    async def _leave(self) -> None:
        """Not ready, drained, gone: in this order, so that nobody is sent here any more when the sockets close."""
        log.info("%s leaves", self.member.name)
        self._publishing.draining = self._face.draining = True
        self._publishing.tell()
        self._routes.router.look_again()
        await asyncio.sleep(self.config.node.drain_s)
        self.gossip.leave(time.monotonic())
        self._transport.pump()
        await asyncio.sleep(LINGER_S)

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
        self._events.add(event)
        self._steering.look()
        if self._kubernetes:
            self._kubernetes.heard(event)
        if event.kind == "conflict":
            self._lost.set()

    def _view(self) -> dict[str, Any]:
        now = time.monotonic()
        view, cluster = self.gossip.view(), self.config.node.cluster
        found = view_json(view, cluster, now - self._started, now, self._events)
        served = served_json(self.cache.counters, self.backend.figures())
        return found | {"origins": self._origins.status(), "served": served}

    def _not_ready(self) -> str:
        """Why no viewers should come; empty when they should."""
        if self._publishing.draining:
            return "draining"
        if self._is_alone() and self._seeded and time.monotonic() - self._started < JOIN_PATIENCE_S:
            return "joining"
        return self.backend.trouble

    @property
    def _seeded(self) -> bool:
        """Whether there may be others."""
        return bool(self.config.gossip.seeds) or self._kubernetes is not None

    def _is_alone(self) -> bool:
        return len(self.gossip.view().alive) <= 1
