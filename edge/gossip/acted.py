"""How long members took to act on the events that were made here last."""

from collections import OrderedDict
from collections.abc import Callable, Mapping

MADE_MAX = 32  # events whose times are kept; who waits for one asks soon


class ActedTimes:
    """When it became known here that each member had acted, in seconds since the event was made."""

    def __init__(self) -> None:
        self._made: OrderedDict[int, tuple[float, dict[str, float]]] = OrderedDict()

    def made(self, digest: int, now: float) -> None:
        """An event was made here."""
        self._made[digest] = (now, {})
        if len(self._made) > MADE_MAX:
            self._made.popitem(last=False)

    def acted(self, name: str, now: float, on: Callable[[int], bool]) -> None:
        """A member has acted on more than before; `on` tells on which."""
        for digest, (at, times) in self._made.items():
            if name not in times and on(digest):
                times[name] = now - at

    def of(self, digest: int) -> Mapping[str, float]:
        """Seconds by name of member; none of an event that was made elsewhere, or long ago."""
        return self._made.get(digest, (0.0, {}))[1]
