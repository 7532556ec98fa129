"""The nodes of a simulated match: where they are, what they can carry, and who they say they are."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edge.demo.cities import CITIES
from edge.model import Member, Status, incarnation_of
from loadtest.sim.cities import places

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
ZONES = tuple(one.name for one in CITIES)
SHARES = tuple(one.share for one in CITIES)  # of the viewers
_EPOCH_S = 1_795_000_000


@dataclass(frozen=True, slots=True)
class Fleet:
    """All nodes, by number; arrays are in that order."""

    names: tuple[str, ...]
    isps: tuple[str, ...]
    members: tuple[Member, ...]  # as those see it who reach it
    zone: Ints  # number of each node's zone
    capacity: Ints  # streams

    @property
    def size(self) -> int:
        """How many nodes there are."""
        return len(self.names)

    def of_zone(self, zone: int) -> Ints:
        """Numbers of a zone's nodes."""
        return np.flatnonzero(self.zone == zone)


def make_fleet(nodes: int, capacity: int) -> Fleet:
    """Nodes in the cities by the cities' shares, each sized for its part of the city's viewers.

    Args:
        nodes: how many.
        capacity: streams of a node, on average; with 300 nodes all are alike.
    """
    chosen = places(nodes)
    zone = np.array([ZONES.index(one.city) for one in chosen], dtype=np.int64)
    counts = np.bincount(zone, minlength=len(ZONES))
    sized = [round(capacity * SHARES[index] * nodes / counts[index]) for index in zone]
    members = tuple(
        Member(
            name=f"edge-{number}",
            incarnation=incarnation_of(_EPOCH_S),
            status=Status.ALIVE,
            host=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
            port=7700,
            public=f"http://edge-{number}:7780",
            region=place.region,
            zone=place.city,
            isp=place.isp,
        )
        for number, place in enumerate(chosen)
    )
    return Fleet(
        tuple(one.name for one in members),
        tuple(one.isp for one in members),
        members,
        zone,
        np.array(sized, dtype=np.int64),
    )
