"""Rendezvous hashing: every node gives each path the same order of nodes, with no table to agree on."""

import hashlib
import math
from collections.abc import Iterable

from edge.state.view import NodeView


def weight(path: str, node: NodeView) -> float:
    """Score of a node for a path, weighted by capacity and trust (Schindelhauer and Schomaker 2005)."""
    capacity = node.load.value.capacity if node.load else 1
    return score(path, node.name, max(1, capacity) * node.trust)


def score(path: str, name: str, share: float = 1.0) -> float:
    """Score of a name for a path; `share` says how much of all paths it is to get."""
    digest = hashlib.blake2b(f"{path}\0{name}".encode(), digest_size=8).digest()
    uniform = (int.from_bytes(digest, "big") + 0.5) / 2**64
    return -share / math.log(uniform)


def ranked(path: str, nodes: Iterable[NodeView]) -> list[NodeView]:
    """Nodes by score, the first of which owns the path; no node's own measurement counts, so that all agree."""
    return sorted(nodes, key=lambda one: (-score(path, one.name), one.name))
