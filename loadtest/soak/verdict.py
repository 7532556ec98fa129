"""Whether a series of samples is flat: a robust slope after a warm-up, against a stated bound."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

HOUR_S = 3600.0
RISE_SHARE = 0.02  # of the memory, an hour
RISE_BYTES = 2e6  # an hour, for what is small
RISE_FILES = 6.0  # descriptors an hour; connections of viewers come and go
WARM_UP_S = 900.0  # caches fill, and what is kept for minutes has come to its number
WARM_UP_SHARE = 0.25  # of a shorter run
JUDGED_MIN_S = 1200.0  # below it the slope is that of the noise
_POINTS_MAX = 1000  # all pairs of them are looked at


@dataclass(frozen=True, slots=True)
class Sample:
    """One process at one moment."""

    at_s: float  # since the soak began
    node: str
    life: int  # how often the node had been started again
    own_bytes: int  # memory that no other process has (USS)
    pss_bytes: int
    rss_bytes: int
    files: int  # open descriptors
    cpu_s: float
    metrics: dict[str, float]  # of `/metrics`; empty where it did not answer


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one node."""

    node: str
    samples: int
    judged_s: float
    median_bytes: float
    rise_bytes_h: float  # an hour
    allowed_bytes_h: float
    rise_files_h: float
    cores: float  # processor time over time

    @property
    def judged(self) -> bool:
        """Whether it was watched for long enough."""
        return self.judged_s >= JUDGED_MIN_S

    @property
    def flat(self) -> bool:
        """Whether neither memory nor descriptors rise; of what is not judged, too."""
        return not self.judged or (
            self.rise_bytes_h <= self.allowed_bytes_h and self.rise_files_h <= RISE_FILES
        )


def warm_up_s(length_s: float) -> float:
    """How long a soak of this length is not judged, seconds."""
    return min(WARM_UP_S, WARM_UP_SHARE * length_s)


def judge(samples: Sequence[Sample], length_s: float) -> list[Verdict]:
    """A verdict for each node, over the longest of its lives; nodes in the order in which they came."""
    lives: dict[tuple[str, int], list[Sample]] = {}
    for one in samples:
        if one.at_s >= warm_up_s(length_s):
            lives.setdefault((one.node, one.life), []).append(one)
    longest: dict[str, list[Sample]] = {}
    for (node, _), life in lives.items():
        if len(life) > len(longest.get(node, ())):
            longest[node] = life
    return [_judged(life) for life in longest.values()]


def _judged(life: list[Sample]) -> Verdict:
    at = [one.at_s for one in life]
    own = [float(one.own_bytes) for one in life]
    span_s = at[-1] - at[0]
    median = float(np.median(own))
    return Verdict(
        node=life[0].node,
        samples=len(life),
        judged_s=span_s,
        median_bytes=median,
        rise_bytes_h=slope(at, own) * HOUR_S,
        allowed_bytes_h=max(RISE_BYTES, RISE_SHARE * median),
        rise_files_h=slope(at, [float(one.files) for one in life]) * HOUR_S,
        cores=(life[-1].cpu_s - life[0].cpu_s) / span_s if span_s else 0.0,
    )


def slope(at: Sequence[float], values: Sequence[float]) -> float:
    """Theil's and Sen's: the median of the slopes of all pairs, so that single steps and spikes do not count."""
    every = max(1, math.ceil(len(at) / _POINTS_MAX))
    x, y = np.asarray(at[::every]), np.asarray(values[::every])
    if len(x) < 2:
        return 0.0
    first, second = np.triu_indices(len(x), 1)
    return float(np.median((y[second] - y[first]) / (x[second] - x[first])))


def told(verdicts: Sequence[Verdict]) -> list[dict[str, Any]]:
    """As the report has them."""
    return [
        {
            "node": one.node,
            "samples": one.samples,
            "judged_s": round(one.judged_s, 1),
            "median_bytes": round(one.median_bytes),
            "rise_bytes_h": round(one.rise_bytes_h),
            "allowed_bytes_h": round(one.allowed_bytes_h),
            "rise_files_h": round(one.rise_files_h, 2),
            "cores": round(one.cores, 4),
            "judged": one.judged,
            "flat": one.flat if one.judged else None,
        }
        for one in verdicts
    ]
