"""Rendezvous hashing: every node gives each path the same order of nodes, with no table to agree on.

Thaler and Ravishankar 1998. Path and name are hashed once each, and the middle bits of their product, on which all
bits of both bear, are the draw: to order 300 nodes costs 80 µs, where a hash for each pair would cost 300.
"""

import functools
import hashlib
import math
from collections.abc import Iterable

from edge.state.view import NodeView

MASK = 2**64 - 1
MIDDLE = 32  # bits of the product below those that are drawn
_LEAST_MISS = 2.0**-53


def spot(path: str) -> int:
    """64 bits of a path."""
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest(), "big")


@functools.lru_cache(maxsize=16_384)
def multiplier(name: str) -> int:
    """64 bits of a name, odd."""
    return spot(name) | 1


def score(path: str, name: str, share: float = 1.0) -> float:
    """Score of a name for a path; `share` says how much of all paths it is to get (Schindelhauer, Schomaker 2005)."""
    uniform = ((spot(path) * multiplier(name) >> MIDDLE & MASK) + 0.5) / 2**64
    return -share / math.log(min(uniform, 1 - _LEAST_MISS))


def ranked(path: str, nodes: Iterable[NodeView]) -> list[NodeView]:
    """Nodes by score, the first of which owns the path; no node's own measurement counts, so that all agree."""
    drawn = spot(path)
    return sorted(nodes, key=lambda one: (-(drawn * multiplier(one.name) >> MIDDLE & MASK), one.name))
