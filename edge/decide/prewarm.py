"""What to fetch before viewers of this node ask for it, within which bounds.

| level | what is fetched |
| --- | --- |
| 0 | what is watched enough elsewhere, from the zone's owner as for a viewer |
| 1 | besides, what is watched half as much, from nodes of the island that hold it |
| 2, 3 | all of that, but only from nodes of the island that hold it: neither origin nor owner is asked |
| 4 | nothing |
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from edge.decide.measures import Measures
from edge.decide.popularity import Trend
from edge.state.view import ClusterView

WIDE = 0.5  # of the least rate, from level 1 on
_BURST_S = 2.0


@dataclass(frozen=True, slots=True)
class Wish:
    """One path to fetch, and why."""

    path: str
    reason: str
    holders: tuple[str, ...] = ()  # nodes that are to be asked, and nobody else; empty: as for a viewer


class ByteBudget:
    """Bytes a second, saved up for `_BURST_S`. What was taken is told afterwards, so it may fall below nothing.

    Args:
        bytes_per_s: what comes in.
    """

    def __init__(self, bytes_per_s: float) -> None:
        self._usual = self._rate = bytes_per_s
        self._left = bytes_per_s * _BURST_S
        self._at: float | None = None

    def has_some(self, now: float) -> bool:
        """Whether something may be begun."""
        if self._at is not None:
            self._left = min(self._rate * _BURST_S, self._left + self._rate * max(0.0, now - self._at))
        self._at = now if self._at is None else max(now, self._at)
        return self._left > 0

    def scale(self, factor: float) -> None:
        """From now on so many times the usual rate comes in."""
        self._rate = self._usual * factor

    def spend(self, size_bytes: int) -> None:
        """So much has been fetched."""
        self._left -= size_bytes


def wishes(trends: Iterable[Trend], view: ClusterView, measures: Measures, rate_min: float) -> Iterator[Wish]:
    """What is trending and worth it, the most wanted first; whether it is here already is not asked.

    What viewers of this node ask for is left out: a fill of it is under way, or has shown that it cannot be kept.

    Args:
        trends: greatest score first.
        view: the cluster.
        measures: of the level of this moment.
        rate_min: least score that is worth it.
    """
    me = view.node(view.self_name)
    if me is None or not me.takes_viewers or measures.cached_only:
        return
    giving = {one.name: None for one in view.nodes if one.takes_viewers}
    for trend in trends:
        if trend.score < rate_min * (WIDE if measures.wide_prefetch else 1.0):
            return
        if me.name in trend.nodes:
            continue
        inside = trend.score < rate_min or not measures.cross_zone_fills
        holders = tuple(name for name in trend.nodes if name in giving) if inside else ()
        if holders or not inside:
            yield Wish(trend.path, f"{trend.rate:.1f} requests/s at {len(trend.nodes)} nodes", holders)
