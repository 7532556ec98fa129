"""Local health multiplier (Lifeguard §IV.A): a node that hears little doubts itself before it accuses others."""


class Awareness:
    """A score from 0 (all is well) to `score_max`; every timeout of a probe is stretched by `multiplier`."""

    __slots__ = ("_score_max", "score")

    def __init__(self, score_max: int) -> None:
        self._score_max = score_max
        self.score = 0

    def add(self, delta: int) -> None:
        """Worse (+) by a missed nack, a suspicion of oneself or a late timer; better (-) by an answered probe."""
        self.score = max(0, min(self._score_max, self.score + delta))

    def clear(self) -> None:
        """What looked like this node's fault was another one's."""
        self.score = 0

    @property
    def multiplier(self) -> int:
        """1 … `score_max` + 1."""
        return self.score + 1
