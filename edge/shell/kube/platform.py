"""What Kubernetes is to one node: its zone before it starts, seeds and deleted pods while it runs, Events.

A deleted pod settles what gossip suspects and makes a probe urgent. It is never proof by itself: an API server that is
cut off, or a Service that was changed, must not take down nodes that answer.
"""

import asyncio
import dataclasses
import logging
import pathlib
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edge.config import Config, KubernetesConfig
from edge.gossip import GossipNode
from edge.model import Address, ConfigError, GossipEvent
from edge.shell.kube.events import EventType, EventWriter, Pod
from edge.shell.kube.picture import Own, Picture
from edge.shell.kube.resources import ApiError
from edge.shell.kube.watch import Watch
from edge.shell.sockets import resolve

if TYPE_CHECKING:
    from edge.shell.kube.api import Api

log = logging.getLogger(__name__)

NAMESPACE_FILE = pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
LOCATE_S = 2.0  # a node waits this long to learn its zone; the slices list it about a second after its start
DELETED_S = 60.0  # a suspicion that comes this long after a deletion is settled by it
DELETED_MAX = 1024
FLUSH_S = 1.0  # a node that ends waits this long for its last Events


@dataclass(frozen=True, slots=True)
class Attached:
    """The running node that Kubernetes is told to."""

    gossip: GossipNode
    listed: Callable[[list[Address]], None]  # hears the gossip addresses of all pods, after each change
    pump: Callable[[], None]  # to be called after a change of the core


class Kubernetes:
    """Discovery and Events of one pod.

    Args:
        api: the API server.
        config: the section, with `namespace` and `pod` filled in.
        host: the numeric address that this node's gossip advertises.
    """

    def __init__(self, api: "Api", config: KubernetesConfig, host: str) -> None:
        self._api = api
        self._config = config
        self._attached: Attached | None = None
        self._deleted: dict[Address, float] = {}  # when; oldest first
        self.picture = Picture(Own(host, config.node_name))
        self.watch = Watch(api, config.service, self.picture, self._changed)
        self.writer = EventWriter(api.create_event, self._pod)
        self.settled = 0  # suspicions, by a deletion
        self._task = asyncio.create_task(self._run())

    def attach(self, attached: Attached) -> asyncio.Task[None]:
        """Begin to tell a node what is known and what changes; the task ends only by `close` or by a bug."""
        self._attached = attached
        self._changed([])
        return self._task

    async def close(self) -> None:
        """Send the last Events, for a second at most, and end."""
        await self.writer.flush(FLUSH_S)
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def zone(self) -> str:
        """This pod's zone: as the EndpointSlices say or its machine is labelled; empty if neither is known soon.

        A node asks before it starts. A zone that came later would need a second record of the same process, and the
        first would have drawn viewers of the wrong zone meanwhile.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(LOCATE_S):
                await self.watch.progress.wait()
                if self.picture.zone is None and (label := await self._label()):
                    return label
                while self.picture.zone is None and not self.watch.denied:
                    self.watch.progress.clear()
                    await self.watch.progress.wait()
        return self.picture.zone or ""

    async def _label(self) -> str:
        machine = self._config.node_name
        try:
            return await self._api.zone_of(machine) if machine else ""
        except ApiError as error:  # the role for it is a choice, so this is no warning
            log.info("kubernetes: the zone of machine %s cannot be read (%s)", machine, error)
            return ""

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.watch.run())
            tasks.create_task(self.writer.run())

    def write(self, reason: str, message: str, type: EventType = "Normal") -> None:
        """Write an Event on the pod (`EventWriter.write`), where that is asked for."""
        if self._config.events:
            self.writer.write(reason, message, type)

    def heard(self, event: GossipEvent) -> None:
        """Something happened in the cluster: operators hear of some of it, and a deletion settles a suspicion."""
        if event.kind == "conflict":
            self.write("NameConflict", event.text, "Warning")
        elif event.kind == "suspect" and self._deleted and self._attached:
            held = self._attached.gossip.view().node(event.node)
            if held and self._is_deleted(held.member.address):
                asyncio.get_running_loop().call_soon(self._report, [held.member.address])

    def _changed(self, gone: list[Address]) -> None:
        if self._attached is None:
            return
        self._attached.listed(self.picture.addresses)
        if gone and self.picture.myself:  # a Service that does not list this pod says nothing about others
            self._deleted |= dict.fromkeys(gone, time.monotonic())
        listed = {*self.picture.addresses} if self._deleted else set()
        kept = [one for one in self._deleted.items() if one[0] not in listed and self._is_deleted(one[0])]
        self._deleted = dict(kept[-DELETED_MAX:])
        self._report([address for address in gone if address in self._deleted])

    def _is_deleted(self, address: Address) -> bool:
        return time.monotonic() - self._deleted.get(address, float("-inf")) < DELETED_S

    def _report(self, addresses: list[Address]) -> None:
        if self._attached is None:
            return
        for address in addresses:
            if self._attached.gossip.report_deleted(address, time.monotonic()):
                self.settled += 1
        self._attached.pump()

    def _pod(self) -> Pod:
        myself = self.picture.myself
        return Pod(
            self._config.pod, self._config.namespace, myself.uid if myself else "", self._config.node_name
        )


@asynccontextmanager
async def on_kubernetes(config: Config) -> AsyncIterator[Kubernetes | None]:
    """What Kubernetes is to the node of `config`; None where it is not asked for.

    Raises:
        ConfigError: a setting is missing, or there is no way to the API server.
    """
    if not config.kubernetes.discovery:
        yield None
        return
    from edge.shell.kube.api import connect  # noqa: PLC0415  # a library of 25 MB

    section = _filled(config)
    given = Address.parse(config.gossip.advertise or config.gossip.bind, "gossip.advertise")
    host = resolve(given, "gossip.advertise", socket.SOCK_DGRAM).address.host
    async with connect(section.namespace) as api:
        made = Kubernetes(api, section, host)
        try:
            yield made
        finally:
            await made.close()


async def located(config: Config, kubernetes: Kubernetes | None) -> Config:
    """The settings, with the zone that Kubernetes knows in place of the one given."""
    zone = await kubernetes.zone() if kubernetes else ""
    if not zone or zone == config.node.zone:
        return config
    if config.node.zone:
        log.info("kubernetes: zone %s, in place of node.zone = %s", zone, config.node.zone)
    return dataclasses.replace(config, node=dataclasses.replace(config.node, zone=zone))


def _filled(config: Config) -> KubernetesConfig:
    """The section with its defaults filled in."""
    section = config.kubernetes
    if not section.service:
        raise ConfigError(
            "kubernetes.service", "is needed when kubernetes.discovery is on", "name the headless Service"
        )
    namespace = section.namespace
    if not namespace:
        try:
            namespace = NAMESPACE_FILE.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(
                "kubernetes.namespace",
                f"is not set, and {NAMESPACE_FILE} cannot be read: {error.strerror}",
                "name the namespace of this pod",
            ) from None
    return dataclasses.replace(section, namespace=namespace, pod=section.pod or config.node.name)
