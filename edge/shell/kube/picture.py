"""The pods behind the headless Service, put together from its EndpointSlices."""

import ipaddress
from collections.abc import Iterable
from typing import NamedTuple

from edge.model import Address
from edge.shell.kube.resources import EndpointSlice

PORT_NAME = "udp-gossip"
SLICES_MAX = 1024
PODS_MAX = 10_000  # behind one Service; the member table's default bound


class Own(NamedTuple):
    """How this pod finds itself in the slices."""

    host: str  # its advertised gossip host, a numeric address
    machine: str  # the Kubernetes node it runs on; empty if not known


class Listed(NamedTuple):
    """One pod as a slice lists it."""

    address: Address
    zone: str
    machine: str
    uid: str


class Picture:
    """All pods that the slices list, ready or not; of a dual-stack Service, those of this pod's family.

    Args:
        own: tells which of them this pod is.
    """

    def __init__(self, own: Own) -> None:
        self._own = own
        self._slices: dict[str, list[Listed] | None] = {}  # none: without a port of the name looked for
        self._pods: dict[Address, Listed] = {}
        self.ignored = 0  # slices and pods beyond the bounds

    @property
    def nameless(self) -> bool:
        """Whether slices came, and none has a port of the name that is looked for."""
        return bool(self._slices) and not any(one is not None for one in self._slices.values())

    @property
    def addresses(self) -> list[Address]:
        """Where their gossip goes, in order."""
        return sorted(self._pods)

    @property
    def myself(self) -> Listed | None:
        """This pod, once it is listed."""
        return next((one for one in self._pods.values() if one.address.host == self._own.host), None)

    @property
    def zone(self) -> str | None:
        """This pod's zone, read from any pod of its machine; None while there is none, "" if they have no zone."""
        myself = self.myself
        machine = self._own.machine or (myself.machine if myself else "")
        known = [one for one in self._pods.values() if one is myself or (machine and one.machine == machine)]
        return next((one.zone for one in known if one.zone), "") if known else None

    def replace(self, slices: Iterable[EndpointSlice]) -> list[Address]:
        """Take a whole list; the addresses that are no longer listed."""
        self._slices = {}
        for one in slices:
            self._put(one)
        return self._renew()

    def put(self, one: EndpointSlice) -> list[Address]:
        """Take a new or changed slice; the addresses that are no longer listed."""
        self._put(one)
        return self._renew()

    def drop(self, name: str) -> list[Address]:
        """Forget a deleted slice; the addresses that are no longer listed."""
        self._slices.pop(name, None)
        return self._renew()

    def _put(self, one: EndpointSlice) -> None:
        name = one.metadata.name
        if name not in self._slices and len(self._slices) >= SLICES_MAX:
            self.ignored += 1
            return
        port = next((each.port for each in one.ports or () if each.name == PORT_NAME), None)
        self._slices[name] = None if port is None else list(self._pods_of(one, port))

    def _pods_of(self, one: EndpointSlice, port: int) -> Iterable[Listed]:
        version = 6 if ":" in self._own.host else 4
        for endpoint in one.endpoints or ():
            for text in endpoint.addresses:
                try:
                    address = ipaddress.ip_address(text)
                except ValueError:  # a slice of names (addressType FQDN)
                    continue
                if address.version == version:
                    uid = endpoint.target_ref.uid if endpoint.target_ref else ""
                    where = Address(str(address), port)
                    yield Listed(where, endpoint.zone or "", endpoint.node_name or "", uid)

    def _renew(self) -> list[Address]:
        before = self._pods
        pods = {one.address: one for name in sorted(self._slices) for one in self._slices[name] or ()}
        while len(pods) > PODS_MAX:
            pods.popitem()
            self.ignored += 1
        self._pods = pods
        return [address for address in before if address not in pods]
