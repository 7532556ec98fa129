"""Histograms of latencies that lose nothing when they are added up: HDR, 1 µs to 60 s."""

from collections.abc import Iterable

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]

FINE, COARSE = 3, 2  # significant digits
_MOST_US = 60_000_000
_PERCENTILES = {"p50": 50.0, "p90": 90.0, "p99": 99.0, "p999": 99.9}


class Histogram:
    """Seconds, by how often.

    Args:
        digits: significant ones; only histograms of equal digits are added.
    """

    def __init__(self, digits: int = FINE) -> None:
        self._hdr = HdrHistogram(1, _MOST_US, digits)

    def record(self, seconds: float) -> None:
        """One more; what is longer than a minute counts as a minute."""
        self._hdr.record_value(min(_MOST_US, max(1, round(seconds * 1e6))))

    def add(self, text: str) -> None:
        """All of another one, as `encoded` gave it."""
        self._hdr.add(HdrHistogram.decode(text.encode()))

    def encoded(self) -> str:
        """It as text, base64 of the format that all HDR libraries read."""
        return str(self._hdr.encode().decode())

    def reset(self) -> None:
        """Begin anew."""
        self._hdr.reset()

    @property
    def count(self) -> int:
        """How many were recorded."""
        return int(self._hdr.get_total_count())

    def percentile_ms(self, percentile: float) -> float:
        """The value that so many per cent do not exceed, milliseconds; 0 of an empty one."""
        return float(self._hdr.get_value_at_percentile(percentile)) / 1000

    def figures(self) -> dict[str, float]:
        """Count, percentiles and the greatest, milliseconds."""
        told: dict[str, float] = {"count": self.count}
        told |= {name: self.percentile_ms(percentile) for name, percentile in _PERCENTILES.items()}
        return told | {"max": self._hdr.get_max_value() / 1000 if self.count else 0.0}


def merged(texts: Iterable[str], digits: int = FINE) -> Histogram:
    """The sum of encoded ones."""
    total = Histogram(digits)
    for text in texts:
        total.add(text)
    return total
