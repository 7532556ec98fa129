"""The safe load of a node: how many viewers it can carry as it is at this moment, and what limits that.

One number goes out with the node's load, as its capacity, so that routing, admission and monsoon mode all heed it
without knowing what limits it.
"""

from dataclasses import dataclass

from edge.model import Load

_LAG_FLOOR = 0.1  # of the capacity: a late event loop may have other causes than viewers


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a node is made for."""

    streams: int  # viewers; 0: none
    kbps: int = 0  # what its network can send, kilobits a second; 0: not known
    lag_s: float = 0.25  # event-loop lag from which on it takes nobody new


@dataclass(frozen=True, slots=True)
class SafeLoad:
    """What a node can carry."""

    capacity: int  # viewers
    binding: str  # what limits it: streams, bandwidth or lag


def safe_load(load: Load, lag_s: float, limits: Limits) -> SafeLoad:
    """How many viewers fit, given what those of this moment take.

    Args:
        load: what the node carries.
        lag_s: its event-loop lag; the load has it in coarse steps.
        limits: what it is made for.
    """
    found = SafeLoad(limits.streams, "streams")
    if not load.streams or not limits.streams:
        return found
    if limits.kbps and load.kbps:
        fit = _two_digits(load.streams * limits.kbps / load.kbps)  # at the mean bitrate of these viewers
        if fit < found.capacity:
            found = SafeLoad(fit, "bandwidth")
    if lag_s >= limits.lag_s:
        fit = max(load.streams, int(_LAG_FLOOR * limits.streams))
        if fit < found.capacity:
            found = SafeLoad(fit, "lag")
    return found


def _two_digits(value: float) -> int:
    """Each change is told to the whole cluster; never 0, which would mean that no viewers are wanted at all."""
    step: int = 10 ** max(0, len(str(int(value))) - 2)
    return max(1, int(value // step) * step)
