"""Other nodes on the public port: how this node's requests are known to them, and theirs to it."""

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from edge.cache.keys import BadTargetError, normal_path
from edge.decide.placement import NOWHERE, Source, held_by, sources
from edge.decide.popularity import Popularity
from edge.gossip.keys import Keys
from edge.state.view import ClusterView
from edge.wire import passport


class Peers:
    """The key ring's word for HTTP between nodes.

    Args:
        name: this node's.
        cluster: the cluster's id.
        keys: the cluster's, and what is known of other nodes'.
    """

    def __init__(self, name: str, cluster: str, keys: Keys) -> None:
        self._name = name
        self._cluster = cluster
        self._keys = keys

    def stamp(self, target: str) -> str:
        """The field of a request to another node."""
        return passport.stamp(self._keys.ring_for(target), self._cluster, self._name, target, time.time())

    def known(self, headers: Mapping[str, str]) -> bool:
        """Whether a request is another node's."""
        field = headers.get(passport.HEADER)
        return field is not None and bool(
            passport.bearer(field, self._keys.ring, self._cluster, self._name, time.time())
        )


VIEW_FOR_S = (
    0.05  # a view made anew costs half a millisecond with 300 nodes, and fills may be a thousand a second
)


class Placed:
    """Where fills come from, as the view of the moment says; what may change is set after the parts are made.

    Args:
        view: the cluster.
        popularity: what is hot in the zone; none: nothing is.
        hot_rate: each so many requests a second for a stream in the zone give it one more owner there.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        view: Callable[[], ClusterView],
        popularity: Popularity | None = None,
        hot_rate: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._newest_view = view
        self._held: tuple[float, ClusterView] | None = None  # until when
        self._clock = clock
        self._popularity = popularity
        self._hot_rate = hot_rate
        self._reserved: dict[str, tuple[str, ...]] = {}
        self.outside = True  # whether fills from outside the zone are as good as others

    def __call__(self, path: str, hops: Sequence[str]) -> Iterator[Source]:
        """Whom to ask for `path`."""
        if path in self._reserved:
            yield from held_by(self._view(), path, self._reserved[path])
            if path in self._reserved:
                yield NOWHERE
                return
        copies = 1
        if self._popularity:
            copies += int(self._popularity.heat(path, self._clock()) / self._hot_rate)
        yield from sources(self._view(), path, hops, outside=self.outside, copies=copies)

    def _view(self) -> ClusterView:
        """The cluster as it was at most `VIEW_FOR_S` ago."""
        now = self._clock()
        if self._held is None or now >= self._held[0]:
            self._held = (now + VIEW_FOR_S, self._newest_view())
        return self._held[1]

    @contextmanager
    def only_from(self, path: str, holders: Sequence[str]) -> Iterator[None]:
        """Meanwhile a fill of `path` asks these nodes for what they hold, and nobody else, as long as nobody wants it.

        Without `holders` it asks as ever.
        """
        if holders:
            self._reserved[path] = tuple(holders)
        try:
            yield
        finally:
            self._reserved.pop(path, None)

    def wanted(self, path: str) -> None:
        """Somebody waits for a raw path: from now on all may be asked for it. Every request passes here."""
        if self._reserved:
            with suppress(BadTargetError):
                self._reserved.pop(normal_path(path), None)
