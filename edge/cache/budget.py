"""What retries may cost, lest they drown a server that is weak already."""


class Budget:
    """Tokens: a burst of them, and a share of one more for each fill.

    Args:
        burst: tokens at the start, and at most.
        share: how much of a token a fill brings.
    """

    def __init__(self, burst: float, share: float) -> None:
        self._left = self._burst = burst
        self._share = share

    def grow(self) -> None:
        """A fill begins."""
        self._left = min(self._burst, self._left + self._share)

    def spend(self) -> bool:
        """Take a token, if there is one."""
        if self._left < 1:
            return False
        self._left -= 1
        return True

    def give_back(self) -> None:
        """A token was not needed."""
        self._left = min(self._burst, self._left + 1)
