"""One measured figure of the benchmark, and how it is told."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One measured figure."""

    id: str
    figure: str
    value: float
    unit: str
    target: float | None  # none: for information
    lower_is_better: bool = True

    @property
    def holds(self) -> bool | None:
        """Whether the target is met."""
        if self.target is None:
            return None
        return self.value <= self.target if self.lower_is_better else self.value >= self.target


def line(row: Row) -> str:
    """One row for a terminal."""
    verdict = {True: "holds", False: "MISSED", None: ""}[row.holds]
    target = (
        "" if row.target is None else f"target {'≤' if row.lower_is_better else '≥'} {number(row.target)}"
    )
    return f"{row.id:<30} {number(row.value):>9} {row.unit:<12} {target:<16} {verdict:<7} {row.figure}"


def number(value: float) -> str:
    """To three significant digits, whole above a thousand."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
