"""Which counters of a session were seen: a sliding window, as in RFC 4303 §3.4.3 (IPsec ESP)."""

WINDOW = 1024  # a sender's datagrams may overtake one another by this many
_MASK = (1 << WINDOW) - 1


class ReplayWindow:
    """The highest counter seen and a bit for each of the `WINDOW` counters up to it."""

    __slots__ = ("_highest", "_seen")

    def __init__(self) -> None:
        self._highest = -1
        self._seen = 0

    def accept(self, counter: int) -> bool:
        """Mark `counter` as seen; False, and nothing changes, if it was seen before or is too old to know."""
        ahead = counter - self._highest
        if ahead > 0:
            self._seen = ((self._seen << ahead) | 1) & _MASK if ahead < WINDOW else 1
            self._highest = counter
            return True
        if -ahead >= WINDOW:  # before the shift: the number may be huge
            return False
        bit = 1 << -ahead
        if self._seen & bit:
            return False
        self._seen |= bit
        return True
