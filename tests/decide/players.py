"""Players as fluid: each fills its buffer at its throughput, picks a rung by it, and tells of itself like CMCD."""

import random
from dataclasses import dataclass

from edge.state.quality import Sample

LADDER = (300, 700, 1500, 3000, 6000, 16000)
SEGMENT_S = 4.0
BUFFER_MAX_S = 30.0
_SMOOTHING = 0.3
_BOLD = 0.95  # of its estimate a player picks, as ABRs that like quality do


@dataclass(slots=True)
class Player:
    """One viewer of live HLS."""

    sid: str
    kbps: float  # throughput of its way at the moment, as far as nobody shares it
    offered: tuple[int, ...] = LADDER  # by the multivariant playlist that it began with
    estimate: float = 0.0
    buffer_s: float = 12.0
    rung: int = LADDER[0]
    due: float = 0.0  # next segment
    stalled: bool = False

    def pick(self, cap_kbps: int | None) -> None:
        """The best rung that the estimate bears; of a capped one the media playlist is a 404, so it is left."""
        rungs = [one for one in self.offered if cap_kbps is None or one <= cap_kbps] or [self.offered[0]]
        self.rung = max((one for one in rungs if one <= _BOLD * self.estimate), default=rungs[0])

    def fetch(self, now: float, cap_kbps: int | None, got_kbps: float) -> Sample:
        """Take one segment at a throughput; what it tells with the request."""
        self.estimate += (got_kbps - self.estimate) * (_SMOOTHING if self.estimate else 1.0)
        self.pick(cap_kbps)
        took_s = SEGMENT_S * self.rung / got_kbps
        told = Sample(self.sid, self.rung, round(self.estimate), self.stalled)
        self.stalled = took_s > self.buffer_s
        self.buffer_s = min(BUFFER_MAX_S, max(0.0, self.buffer_s - took_s) + SEGMENT_S)
        self.due = now + max(took_s, SEGMENT_S if self.buffer_s >= BUFFER_MAX_S - SEGMENT_S else 0.5)
        return told


def audience(count: int, kbps: float, rng: random.Random) -> list[Player]:
    """Players whose ways differ by half, and who do not ask at the same moment."""
    return [
        Player(f"s{number}", kbps * rng.uniform(0.75, 1.25), due=rng.uniform(0, SEGMENT_S))
        for number in range(count)
    ]
