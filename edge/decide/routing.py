"""Which node a viewer is sent to: zone first, then rendezvous hashing with bounded load and two choices.

Rendezvous hashing (Thaler and Ravishankar 1998) keeps one object's viewers on few caches; the load bound (Mirrokni et
al. 2016) keeps any of them from running hot; the second choice evens out what is left (Mitzenmacher 2001).
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass

from edge.decide.measures import LAST_RESORT, SAFE_LOAD
from edge.decide.rendezvous import weight
from edge.state.view import ClusterView, NodeView

LOAD_BOUND = 1.25  # c: no node takes new viewers above this multiple of the mean load
IDLE_RATIO = 0.1  # below this load the bound does not bind: a nearly empty cluster needs no levelling
HYSTERESIS = 0.1  # the second choice must be this much less loaded, so that answers do not flap
PENDING_S = 1.0  # a viewer sent somewhere shows up in that node's own report within about this time
PENDING_MAX = 65_536
_CAREFUL = 3  # level: takes no new viewers beyond the safe load


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """One viewer's question."""

    path: str  # decides, by its hash, the order in which nodes are preferred
    zone: str = ""  # the viewer's zone; none: no node is nearer than another
    new: bool = True  # whether a viewer comes with it whom a node may refuse: one who is not watching yet


@dataclass(frozen=True, slots=True)
class RouteAnswer:
    """Where to go, and why."""

    node: str
    url: str  # the node's public address, without a trailing slash
    reason: str


class Pending:
    """Viewers that this node sent to others and that their reports cannot show yet; at most `PENDING_MAX`."""

    def __init__(self) -> None:
        self._sent: deque[tuple[float, str]] = deque(maxlen=PENDING_MAX)
        self._counts: dict[str, int] = {}

    def add(self, node: str, now: float) -> None:
        """A viewer was sent to `node`."""
        if len(self._sent) == PENDING_MAX:
            self._drop_oldest()
        self._sent.append((now, node))
        self._counts[node] = self._counts.get(node, 0) + 1

    def counts(self, now: float) -> Mapping[str, int]:
        """Viewers on their way to each node."""
        while self._sent and self._sent[0][0] <= now - PENDING_S:
            self._drop_oldest()
        return self._counts

    def _drop_oldest(self) -> None:
        _, node = self._sent.popleft()
        self._counts[node] -= 1
        if not self._counts[node]:
            del self._counts[node]


def route(view: ClusterView, query: RouteQuery, pending: Mapping[str, int]) -> RouteAnswer | None:
    """The node to send this viewer to, or None where none takes viewers.

    Args:
        view: the cluster; suspects, draining nodes and those without capacity get nobody. Those that degrade their
            service get nobody new beyond the safe load from level 3 on, and at level 4 only whom no other can take.
        query: the viewer's question.
        pending: viewers on their way to each node, on top of its reported load.
    """
    able = [one for one in view.nodes if one.takes_viewers]
    ratios = {one.name: _ratio(one, pending.get(one.name, 0)) for one in able}
    willing = [one for one in able if one.level < _CAREFUL or ratios[one.name] < SAFE_LOAD]
    if not willing and not query.new:
        willing = able
    usable = [one for one in willing if one.level < LAST_RESORT] or willing
    if not usable:
        return None
    near = [one for one in usable if query.zone and one.member.zone == query.zone]
    roomy = [one for one in near if ratios[one.name] < 1]
    if roomy:
        return _choose(roomy, ratios, query, f"zone {query.zone}")
    if not query.zone:
        scope = "no zone asked for"
    else:
        scope = f"zone {query.zone} is full" if near else f"no node in zone {query.zone}"
    return _choose([one for one in usable if ratios[one.name] < 1] or usable, ratios, query, scope)


def _ratio(node: NodeView, pending: int) -> float:
    capacity = node.load.value.capacity if node.load else 0
    return node.ratio + (pending / capacity if capacity else 0.0)


def _choose(nodes: list[NodeView], ratios: Mapping[str, float], query: RouteQuery, scope: str) -> RouteAnswer:
    bound = max(IDLE_RATIO, LOAD_BOUND * sum(ratios[one.name] for one in nodes) / len(nodes))
    allowed = [one for one in nodes if ratios[one.name] <= bound]
    best = sorted(allowed, key=lambda one: (-weight(query.path, one), one.name))[:2]
    chosen = best[0]
    if len(best) == 2 and ratios[best[1].name] < ratios[chosen.name] - HYSTERESIS:
        chosen = best[1]
    reason = f"{scope}; choice {best.index(chosen) + 1} by hash, load {ratios[chosen.name]:.2f} of {bound:.2f} allowed"
    return RouteAnswer(chosen.name, chosen.member.public.rstrip("/"), reason)
