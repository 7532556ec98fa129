"""What serves hits, as the rest of the node needs it: purges go there, and it says what it holds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from edge.cache.purge import Purge
from edge.cache.tiers import Tier


@dataclass(frozen=True, slots=True)
class Figures:
    """What a backend holds and counts. Names are those of metrics, without edge_ in front and _total behind."""

    tiers: list[Tier]
    totals: dict[str, float] = field(default_factory=dict)  # since the start
    reasons: dict[str, dict[str, int]] = field(default_factory=dict)  # since the start, each by reason
    gauges: dict[str, float] = field(default_factory=dict)  # of this moment


class Purges(Protocol):
    """What purges act on."""

    @property
    def recorded(self) -> bool:
        """Whether no purge so far can be undone by a restart, and nothing purged is served any more."""

    def purge(self, purge: Purge, ident: str = "", issued_s: float = 0.0) -> int:
        """Begin a purge; how many objects it hits, as far as is known. `recorded` tells when it is done.

        Args:
            purge: what to look for.
            ident: of the event that asks for it.
            issued_s: how long ago it was asked for.
        """

    def when_recorded(self, told: Callable[[], None]) -> None:
        """Call `told` once `recorded` holds for every purge so far."""


class Backend(Purges, Protocol):
    """The embedded cache, or a cache of its own in front of this process."""

    @property
    def trouble(self) -> str:
        """Why no viewers should come; empty where they may."""

    async def start(self) -> None:
        """Begin to serve.

        Raises:
            ConfigError: what it needs cannot be had.
        """

    async def close(self) -> None:
        """End."""

    def holds(self, path: str) -> bool:
        """Whether there is something under a raw path, fresh or not."""

    async def warm(self, path: str) -> None:
        """Have it hold what this process holds under a normal path, so that the first viewer hits."""

    def figures(self) -> Figures:
        """What it holds and counts."""
