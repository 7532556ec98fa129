"""How often a value fell into which bucket, as Prometheus counts it. Adding one is cheap enough for every datagram."""

from bisect import bisect_left
from collections.abc import Iterator


class Histogram:
    """Counts values by bucket; as many buckets as there are bounds, and one for what is greater than all.

    Args:
        bounds: upper ends of the buckets, rising; a value that equals one is in its bucket.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0  # sum of all values

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def upto(self) -> Iterator[tuple[float, int]]:
        """Each bound, infinity last, and how many values are not greater."""
        found = 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts, strict=True):
            found += count
            yield bound, found
