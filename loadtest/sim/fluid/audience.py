"""Viewers as a fluid, by node, zone and language; those who look for a node, and those who were refused.

Nothing that is decided here tells providers or rungs apart, so shares of them hold of any number of viewers.
"""

import math
from dataclasses import dataclass

import numpy as np

from loadtest.scenario.schema import Audience
from loadtest.sim.fluid.fleet import SHARES, ZONES, Floats

# Assumption: what is spoken where, as shares of a city's viewers.
_SPOKEN: dict[str, dict[str, float]] = {
    "mumbai": {"hi": 0.6, "en": 0.2, "mr": 0.2},
    "delhi": {"hi": 0.8, "en": 0.2},
    "bangalore": {"kn": 0.5, "en": 0.25, "hi": 0.25},
    "hyderabad": {"te": 0.6, "hi": 0.25, "en": 0.15},
    "chennai": {"ta": 0.75, "en": 0.25},
    "kolkata": {"bn": 0.6, "hi": 0.25, "en": 0.15},
    "pune": {"mr": 0.4, "hi": 0.4, "en": 0.2},
    "ahmedabad": {"hi": 0.5, "gu": 0.35, "en": 0.15},
}
LANGUAGES = tuple(sorted({language for each in _SPOKEN.values() for language in each}))
SPOKEN = np.array([[_SPOKEN[zone].get(language, 0.0) for language in LANGUAGES] for zone in ZONES])
ISP_SHARES = {"airtel": 0.35, "bsnl": 0.15, "jio": 0.50}  # of the viewers of each city; assumption
_PARTS = np.array(SHARES)[:, None] * SPOKEN  # of all viewers
FLOWS = tuple((int(zone), int(language)) for zone, language in np.argwhere(SPOKEN > 0))
RETRY_S = 5.0  # mean after which one who was refused asks again (`Retry-After` at level 3)


@dataclass(slots=True)
class Flow:
    """What happened in a second, viewers."""

    arrived: float = 0.0  # new ones
    left: float = 0.0
    moved: float = 0.0  # lost their node, or were asked to go
    placed: float = 0.0
    refused: float = 0.0  # new ones, for the first time
    retried: float = 0.0  # of those who were refused before
    cut_off: float = 0.0
    unserved: float = 0.0  # had a node, and asked for another in vain
    to_dead: float = 0.0


class Viewers:
    """All viewers of a run.

    Args:
        audience: how they behave.
        nodes: how many nodes there are.
        rng: of arrivals.
    """

    def __init__(self, audience: Audience, nodes: int, rng: np.random.Generator) -> None:
        self._audience = audience
        self._rng = rng
        shape = (len(ZONES), len(LANGUAGES))
        self.on = np.zeros((nodes, *shape))
        self.new = np.zeros(shape)  # who look for their first node
        self.first = np.zeros(shape)  # of these, who were never refused
        self.back = np.zeros(shape)  # who had one
        self.refused = np.zeros(shape)  # who will ask again

    @property
    def streams(self) -> Floats:
        """Viewers of each node."""
        total: Floats = self.on.sum(axis=(1, 2))
        return total

    @property
    def watching(self) -> float:
        """How many have a node."""
        return float(self.on.sum())

    def of_zones(self) -> Floats:
        """Viewers who watch, by their zone."""
        total: Floats = self.on.sum(axis=(0, 2))
        return total

    def change(self, wanted: float, flow: Flow) -> None:
        """A second passes: some leave, and others come, so that `wanted` viewers there are in all."""
        stay = math.exp(-1 / self._audience.session_s)
        before = self.watching
        self.on *= stay
        asks = self.refused * (1 - math.exp(-1 / RETRY_S))
        self.refused = (self.refused - asks) * math.exp(-1 / self._audience.patience_s)
        target = wanted * _PARTS
        lacking = target - (self.on.sum(axis=0) + self.new + self.back + self.refused + asks)
        come = self._rng.poisson(np.maximum(lacking, 0.0)).astype(np.float64)
        if (lacking < 0).any():
            self._shrink(lacking, target)
        self.new += come + asks
        self.first += come
        flow.arrived += float(come.sum())
        flow.retried += float(asks.sum())
        flow.left += max(0.0, before - self.watching)

    def lose(self, rates: Floats, flow: Flow) -> None:
        """Viewers of nodes look for another one: of each node this share of its viewers of each zone.

        Args:
            rates: by node and zone, 0–1.
            flow: counts them.
        """
        gone = self.on * rates[:, :, None]
        self.on -= gone
        self.back += gone.sum(axis=0)
        flow.moved += float(gone.sum())

    def place(self, node: int, zone: int, language: int, count: float) -> None:
        """They have found a node."""
        self.on[node, zone, language] += count

    def jump(self, wanted: float) -> Floats:
        """Time has been left out: nobody waits, and no more than `wanted` have a node.

        Returns:
            By zone and language, who is lacking then.
        """
        held, target = self.on.sum(axis=0), wanted * _PARTS
        factor = np.minimum(1.0, np.divide(target, held, out=np.ones_like(target), where=held > 0))
        self.on *= factor
        for waiting in (self.new, self.first, self.back, self.refused):
            waiting[:] = 0
        lacking: Floats = np.maximum(0.0, target - self.on.sum(axis=0))
        return lacking

    def _shrink(self, lacking: Floats, target: Floats) -> None:
        """More leave than by turns: all alike, whether they have a node or not."""
        have = target - lacking
        factor = np.where(lacking < 0, np.divide(target, have, out=np.ones_like(have), where=have > 0), 1.0)
        self.on *= factor
        for waiting in (self.new, self.first, self.back, self.refused):
            np.multiply(waiting, factor, out=waiting)
