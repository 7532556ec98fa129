"""How viewers are to be spread, as one value."""

from dataclasses import dataclass

from edge.config import RoutingConfig

IDLE_LOAD = 0.1  # below this load the bound does not bind: a nearly empty cluster needs no levelling
HEADROOM = 0.2  # of the room between mean and bound: for what other nodes assign before this one hears of it


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingPolicy:
    """What the settings say; loads are viewers over capacity."""

    load_bound: float = (
        1.25  # c of Mirrokni et al. 2016: no node gets a viewer above this multiple of the mean
    )
    full_load: float = 1.0  # from here on a node gets nobody while any other has room
    hysteresis: float = 0.1  # loads that differ by less are alike

    @property
    def ceiling(self) -> float:
        """The multiple of the mean above which this node sends nobody."""
        return 1 + (self.load_bound - 1) * (1 - HEADROOM)


def policy_of(config: RoutingConfig) -> RoutingPolicy:
    """The policy that the settings ask for."""
    return RoutingPolicy(
        load_bound=config.load_bound, full_load=config.full_load, hysteresis=config.hysteresis
    )
