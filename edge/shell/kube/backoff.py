"""Pauses between tries that grow and are spread, so that pods that failed together do not come back together."""

import random


class Backoff:
    """Doubles from `least_s` to `most_s`; each pause is drawn between half of that and all of it."""

    def __init__(self, least_s: float, most_s: float) -> None:
        self._least_s = least_s
        self._most_s = most_s
        self._next_s = least_s

    def pause_s(self) -> float:
        """The next pause, seconds."""
        ceiling_s = self._next_s
        self._next_s = min(self._most_s, 2 * ceiling_s)
        return random.uniform(ceiling_s / 2, ceiling_s)

    def reset(self) -> None:
        """All is well: the next pause is the least again."""
        self._next_s = self._least_s
