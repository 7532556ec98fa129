"""Whether urgent news is forwarded by itself, or with what comes in the next moment.

One purge is on its way at once. When all members of an island refute at the end of a cut, a datagram for each word and
peer would be a flood of millions; together they fill some dozen.
"""

AT_ONCE = 8  # words forwarded by themselves in `WINDOW_S`
WINDOW_S = 0.1
GATHER_S = 0.01


class Eager:
    """Counts what was forwarded lately."""

    __slots__ = ("_count", "_since", "newest")

    def __init__(self) -> None:
        self._since = 0.0
        self._count = 0
        self.newest = b""  # a word that waits to be forwarded with others; empty: none waits

    def admit(self, now: float) -> bool:
        """Whether one more word may go by itself."""
        if now - self._since >= WINDOW_S:
            self._since, self._count = now, 0
        self._count += 1
        return self._count <= AT_ONCE
