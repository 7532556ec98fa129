"""The cap of a place, from what its players see on all nodes. Pure; time comes as an argument.

In two steps, so that caps have a memory and yet all nodes hold the same. Each node that has players of a place
proposes a cap, from the sums of all nodes and from what it proposed before: down fast, up slowly. The proposals ride
with the sums; what more than half of them agree on counts. So equal views give equal caps, and a node that errs, or
has just begun, moves none.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from msgspec.structs import replace

from edge.model import PlaceQuality, Quality
from edge.state.view import ClusterView

FRESH_S = 30.0  # what a node told before that no longer counts; it tells again within 10 s
SETTLE_S = 15.0  # players need some seconds to follow a cap, and what was bad before must have faded
HEADROOM = 0.8  # of the throughput may be the peak of a rung
PATIENCE_MAX = 8  # times the hold, after easing was too early that often in a row
_RELAPSE_S = 60.0  # trouble so soon after easing is because of it
NO_CAP = 0

Place = tuple[str, str]  # zone and provider; without one, all of the zone


@dataclass(frozen=True, slots=True, kw_only=True)
class CapPolicy:
    """When to cap, and to what."""

    ladder_kbps: tuple[int, ...]  # peaks of the rungs, lowest first
    stalls_high: float  # share of requests of players that ran dry, from which on a cap comes down
    stalls_low: float  # below which it may be eased
    hold_s: float  # after so long


class Seen(NamedTuple):
    """What the players of one place see, on all nodes together."""

    sessions: int
    kbps: float  # mean encoded bitrate; 0: not told
    reach_kbps: (
        float  # throughput that three quarters of requests have on the median player's node; 0: not told
    )
    stalls: float  # share of requests, 0–1


class Standing(NamedTuple):
    """What a node proposes for a place, and since when."""

    cap_kbps: int = NO_CAP
    since: float = float("-inf")  # last change
    well_since: float | None = None  # no trouble without a break since then
    eased: float = float("-inf")  # last change upwards
    patience: int = 1  # times the hold
    reason: str = "nothing was wrong so far"


class Cap(NamedTuple):
    """What counts for a place."""

    kbps: int | None  # None: any bitrate
    votes: int  # nodes that propose this or less
    nodes: int  # nodes that have players there


def seen(view: ClusterView, now: float) -> dict[Place, Seen]:
    """Each place, in order, as all nodes that are alive see it."""
    rows: dict[Place, list[PlaceQuality]] = {}
    for one in _told(view, now):
        rows.setdefault((one.zone, one.isp), []).append(one)
    return {place: _together(rows[place]) for place in sorted(rows)}


def propose(before: Standing, found: Seen | None, policy: CapPolicy, now: float) -> Standing:
    """What to propose from now on.

    Args:
        before: what was proposed so far.
        found: the place as it is; None: nobody tells of it any more.
        policy: thresholds.
        now: the time, seconds.
    """
    if found is None or found.stalls <= policy.stalls_low:
        return _eased(before, found, policy, now)
    if found.stalls < policy.stalls_high:
        return before._replace(well_since=None)
    if now - before.since < SETTLE_S and before.cap_kbps:
        return before._replace(well_since=None)
    target = _down(before.cap_kbps, found, policy.ladder_kbps)
    if target == before.cap_kbps:
        return before._replace(well_since=None)
    relapsed = now - before.eased < _RELAPSE_S
    patience = min(PATIENCE_MAX, 2 * before.patience) if relapsed else before.patience
    reason = f"{found.stalls:.1%} of requests come from players that ran dry, of {found.sessions} sessions"
    return Standing(target, now, None, before.eased, patience, reason)


def agreed(view: ClusterView, now: float) -> dict[Place, Cap]:
    """The caps that count: for each place what more than half of the nodes propose, or less."""
    proposed: dict[Place, list[float]] = {}
    for one in _told(view, now):
        proposed.setdefault((one.zone, one.isp), []).append(one.cap_kbps or float("inf"))
    found = {}
    for place in sorted(proposed):
        caps = sorted(proposed[place])
        chosen = caps[len(caps) // 2]
        kbps = None if chosen == float("inf") else int(chosen)
        found[place] = Cap(kbps, sum(cap <= chosen for cap in caps), len(caps))
    return found


def cap_of(caps: Mapping[Place, Cap], zone: str, isp: str) -> int | None:
    """The cap for a viewer: of his provider where its players are known, else of his zone, kilobits a second."""
    found = caps.get((zone, isp)) or caps.get((zone, ""))
    return found.kbps if found else None


class Caps:
    """What one node proposes, and what it holds that all agree on; bounded by the places that are told of.

    Args:
        policy: thresholds.
    """

    def __init__(self, policy: CapPolicy) -> None:
        self._policy = policy
        self.seen: dict[Place, Seen] = {}
        self.standing: dict[Place, Standing] = {}
        self.agreed: dict[Place, Cap] = {}

    def proposed(self, own: Quality, view: ClusterView, now: float) -> Quality:
        """What to tell: the node's own sums, each with the cap that it proposes for the place."""
        self.seen = seen(view, now)
        before, policy = self.standing, self._policy
        self.standing = {
            (one.zone, one.isp): propose(
                before.get((one.zone, one.isp), Standing()), self.seen.get((one.zone, one.isp)), policy, now
            )
            for one in own
        }
        return tuple(replace(one, cap_kbps=self.standing[one.zone, one.isp].cap_kbps) for one in own)

    def settle(self, view: ClusterView, now: float) -> list[tuple[Place, int | None, str]]:
        """Hold what a view agrees on; the caps that changed, with their reasons."""
        before, self.agreed = self.agreed, agreed(view, now)
        changed = []
        for place in sorted({**before, **self.agreed}):
            old, new = before.get(place), self.agreed.get(place)
            kbps = new.kbps if new else None
            if kbps != (old.kbps if old else None):
                standing = self.standing.get(place)
                changed.append((place, kbps, standing.reason if standing else "other nodes agree on it"))
        return changed

    def cap(self, zone: str, isp: str) -> int | None:
        """The cap for a viewer there, kilobits a second; None: any bitrate."""
        return cap_of(self.agreed, zone, isp) if self.agreed else None


def _told(view: ClusterView, now: float) -> Iterable[PlaceQuality]:
    for one in view.alive:
        if one.quality and now - one.quality.at < FRESH_S:
            yield from one.quality.value


def _together(rows: list[PlaceQuality]) -> Seen:
    sessions = sum(one.sessions for one in rows) or 1
    told = [one for one in rows if one.kbps]
    watching = sum(one.sessions for one in told)
    return Seen(
        sessions=sum(one.sessions for one in rows),
        kbps=sum(one.kbps * one.sessions for one in told) / watching if watching else 0.0,
        reach_kbps=_median(sorted((one.reach_kbps, one.sessions) for one in rows if one.reach_kbps)),
        stalls=sum(one.stalls * one.sessions for one in rows) / sessions / 1000,
    )


def _median(weighted: list[tuple[int, int]]) -> float:
    left = sum(weight for _, weight in weighted) / 2
    for value, weight in weighted:
        left -= weight
        if left <= 0:
            return value
    return 0.0


def _down(cap_kbps: int, found: Seen, ladder: tuple[int, ...]) -> int:
    """The next cap: what the throughput bears, but at least a rung below what is watched, and never below the last."""
    bounds = [float(cap_kbps)] if cap_kbps else []
    bounds += [found.kbps] if found.kbps else []
    below = [rung for rung in ladder if all(rung < bound for bound in bounds)]
    if not bounds:
        below = list(ladder[:-1])
    if found.reach_kbps:
        below = [rung for rung in below if rung <= HEADROOM * found.reach_kbps]
    return below[-1] if below else ladder[0]


def _eased(before: Standing, found: Seen | None, policy: CapPolicy, now: float) -> Standing:
    """All is well: one rung up, once it has been for long enough and the throughput bears it."""
    if not before.cap_kbps:
        return before._replace(well_since=now) if before.well_since is None else before
    well_since = now if before.well_since is None else before.well_since
    held_s = policy.hold_s * before.patience
    if now - well_since < held_s:
        return before._replace(well_since=well_since)
    above = [rung for rung in policy.ladder_kbps if rung > before.cap_kbps]
    if above and found and found.reach_kbps and above[0] > HEADROOM * found.reach_kbps:
        return before._replace(well_since=well_since)
    target = above[0] if len(above) > 1 else NO_CAP
    return Standing(target, now, now, now, before.patience, f"all was well for {held_s:.0f} s")
