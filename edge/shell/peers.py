"""Other nodes on the public port: how this node's requests are known to them, and theirs to it."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from edge.decide.placement import Source, sources
from edge.state.view import ClusterView
from edge.wire import passport
from edge.wire.keys import KeyRing


class Peers:
    """The key ring's word for HTTP between nodes.

    Args:
        name: this node's.
        cluster: the cluster's id.
        ring: its keys.
    """

    def __init__(self, name: str, cluster: str, ring: KeyRing) -> None:
        self._name = name
        self._cluster = cluster
        self._ring = ring

    def stamp(self, target: str) -> str:
        """The field of a request to another node."""
        return passport.stamp(self._ring, self._cluster, self._name, target, time.time())

    def known(self, headers: Mapping[str, str]) -> bool:
        """Whether a request is another node's."""
        field = headers.get(passport.HEADER)
        return field is not None and bool(
            passport.bearer(field, self._ring, self._cluster, self._name, time.time())
        )


class Placed:
    """Where fills come from, as the view of the moment says; what may change is set after the parts are made."""

    def __init__(self, view: Callable[[], ClusterView]) -> None:
        self._view = view
        self.outside = True  # whether fills from outside the zone are as good as others

    def __call__(self, path: str, hops: Sequence[str]) -> Iterator[Source]:
        """Whom to ask for `path`."""
        return sources(self._view(), path, hops, outside=self.outside)
