"""Shards of a zone's viewers, and each one's own order of nodes by rendezvous hashing, which no load moves."""

import functools
import hashlib
import math
from typing import NamedTuple

from edge.decide.rendezvous import score

Seat = tuple[str, int]  # a node's name and its capacity


class Shard(NamedTuple):
    """A group of a zone's viewers."""

    zone: str
    number: int


@functools.lru_cache(maxsize=64)
def owners(seats: tuple[Seat, ...], zone: str, shards: int) -> tuple[tuple[str, ...], ...]:
    """The order of a zone's own nodes for each of its shards; none is first for more than its capacity allows.

    Args:
        seats: the nodes.
        zone: theirs, and the viewers'.
        shards: how many there are.
    """
    total = sum(capacity for _, capacity in seats)
    left = {name: max(1, math.ceil(shards * capacity / total)) for name, capacity in seats}
    found = []
    for number in range(shards):
        order = list(ranked(seats, Shard(zone, number)))
        owner = next((name for name in order if left[name]), None)
        if owner is not None:
            left[owner] -= 1
            order.remove(owner)
            order.insert(0, owner)
        found.append(tuple(order))
    return tuple(found)


@functools.lru_cache(maxsize=4096)
def ranked(seats: tuple[Seat, ...], shard: Shard) -> tuple[str, ...]:
    """Nodes in a shard's own order, wherever they are."""
    key = f"shard {shard.zone}/{shard.number}"
    return tuple(name for _, name in sorted((-score(key, name, capacity), name) for name, capacity in seats))


@functools.lru_cache(maxsize=16_384)
def draw(text: str) -> float:
    """A number from 0 to 1 that is the same everywhere."""
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
