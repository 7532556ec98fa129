"""Phi accrual (Hayashibara et al. 2004): how surprising a peer's silence is, as a number that grows with it.

Only datagrams that came from the peer itself count as heartbeats; what others say of it never does. The doubt weighs
on routing and is shown; it accuses nobody, that is what probes are for.
"""

import math

_GAIN = 1 / 16
_STD_MIN_SHARE = 0.25  # of the mean interval: gossip to random peers is irregular by its nature
_PHI_MAX = 30.0
THRESHOLD_MIN = 3.0
THRESHOLD_MAX = 16.0
_FALSE_STEP = 0.5  # a peer that was doubted and then spoke
_CALM_STEP = 0.002  # a heartbeat that surprised nobody: at one false alarm in 250 the threshold stands still


def phi_of(silence_s: float, mean_s: float, std_s: float) -> float:
    """-log10 of the chance that a heartbeat comes even later, intervals being normal (logistic approximation)."""
    z = (silence_s - mean_s) / std_s
    exponent = z * (1.5976 + 0.070566 * z * z)  # Bowling et al. 2009
    if exponent > 2.302585 * _PHI_MAX:
        return _PHI_MAX
    return min(_PHI_MAX, math.log10(1 + math.exp(exponent)))


class Heartbeats:
    """Intervals between one peer's datagrams."""

    __slots__ = ("_last", "_mean_s", "_var")

    def __init__(self, now: float, expected_s: float) -> None:
        self._last = now
        self._mean_s = expected_s
        self._var = expected_s**2

    def beat(self, now: float) -> None:
        """A datagram came."""
        interval = max(0.0, now - self._last)
        self._last = now
        error = interval - self._mean_s
        self._mean_s += _GAIN * error
        self._var += _GAIN * (error * error - self._var)

    def phi(self, now: float) -> float:
        """The doubt at `now`; about 0.3 when a heartbeat is just due."""
        std_s = max(math.sqrt(self._var), _STD_MIN_SHARE * self._mean_s, 1e-3)
        return phi_of(now - self._last, self._mean_s, std_s)


class Threshold:
    """The phi at which a doubt is full; it adapts to how often doubts turn out wrong."""

    __slots__ = ("false_alarms", "value")

    def __init__(self) -> None:
        self.value = 8.0
        self.false_alarms = 0

    def heard(self, phi: float) -> None:
        """A peer spoke whose doubt was `phi` at that moment."""
        if phi >= self.value:
            self.false_alarms += 1
            self.value = min(THRESHOLD_MAX, self.value + _FALSE_STEP)
        else:
            self.value = max(THRESHOLD_MIN, self.value - _CALM_STEP)

    def doubt(self, phi: float) -> float:
        """0 to 1."""
        return min(1.0, phi / self.value)
