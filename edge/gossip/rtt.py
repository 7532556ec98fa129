"""Round-trip time and loss of the way to one peer, and the probe timeout that follows (RFC 6298)."""

_LOSS_GAIN = 1 / 16
RTO_MAX_S = 1.0  # a probe that takes longer has failed, whatever the way looks like


class RttEstimator:
    """Smoothed RTT and its variation; `srtt_s` is None before the first sample."""

    __slots__ = ("loss", "rttvar_s", "srtt_s")

    def __init__(self) -> None:
        self.srtt_s: float | None = None
        self.rttvar_s = 0.0
        self.loss = 0.0  # smoothed share of tries without an answer

    def answered(self, rtt_s: float | None) -> None:
        """A try was answered; `rtt_s` is None where it is unclear which one (Karn's rule)."""
        self.loss -= self.loss * _LOSS_GAIN
        if rtt_s is None:
            return
        if self.srtt_s is None:
            self.srtt_s, self.rttvar_s = rtt_s, rtt_s / 2
            return
        self.rttvar_s += (abs(self.srtt_s - rtt_s) - self.rttvar_s) / 4
        self.srtt_s += (rtt_s - self.srtt_s) / 8

    def missed(self) -> None:
        """A try was not answered in time."""
        self.loss += (1 - self.loss) * _LOSS_GAIN

    def timeout_s(self, floor_s: float) -> float:
        """How long to wait for an answer: SRTT + 4·RTTVAR, at least the floor, which also stands for a new peer."""
        if self.srtt_s is None:
            return min(RTO_MAX_S, 4 * floor_s)
        return min(RTO_MAX_S, max(floor_s, self.srtt_s + 4 * self.rttvar_s))
