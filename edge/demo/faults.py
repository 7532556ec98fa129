"""What is broken in the demo, as a value: who is cut off, whose packets are lost, whether the origin is away."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from edge.demo.cities import CITIES, City
from edge.model import ConfigError

LOSS = 0.3  # of the datagrams of a degraded ISP: half of all probes to its nodes then find no answer
_CITY, _REGION, _ISP, _ORIGIN, _ALL = "city", "region", "isp", "origin", "all"
_FIELDS = {"kind", "name", "on"}


def _several(names: Iterable[str]) -> tuple[str, ...]:
    """Names that more than one city bears: a region of one city is that city."""
    all_names = list(names)
    return tuple(name for name in dict.fromkeys(all_names) if all_names.count(name) > 1)


NAMES: dict[str, tuple[str, ...]] = {
    _CITY: tuple(city.name for city in CITIES),
    _REGION: _several(city.region for city in CITIES),
    _ISP: tuple(dict.fromkeys(city.isp for city in CITIES)),
    _ORIGIN: (_ORIGIN,),
}


@dataclass(frozen=True, slots=True)
class Faults:
    """The faults of this moment; immutable, so that a datagram is judged by one state of them."""

    cities: tuple[str, ...] = ()  # each cut off from all others
    regions: tuple[str, ...] = ()  # each cut off from the rest, whole in itself
    isps: tuple[str, ...] = ()  # that lose `LOSS` of what their nodes send and get
    origin_away: bool = False

    def reaches(self, sender: City, receiver: City) -> bool:
        """Whether no cut lies between two cities."""
        if sender is receiver:
            return True
        if sender.name in self.cities or receiver.name in self.cities:
            return False
        return all((sender.region == cut) == (receiver.region == cut) for cut in self.regions)

    def loss(self, sender: City, receiver: City) -> float:
        """Share of the datagrams between two cities that gets lost."""
        return LOSS if sender.isp in self.isps or receiver.isp in self.isps else 0.0

    def changed(self, asked: dict[str, Any]) -> "Faults":
        """The faults after a person's wish: `kind`, `name`, and `on`; of kind "all" only `"on": false`, which heals.

        Raises:
            ConfigError: no such fault.
        """
        kind, name, on = asked.get("kind"), asked.get("name"), asked.get("on")
        if not asked.keys() <= _FIELDS or not isinstance(on, bool):
            raise ConfigError(
                "fault", "is not understood", 'write {"kind": "city", "name": "mumbai", "on": true}'
            )
        if kind == _ALL and not on:
            return Faults()
        if not isinstance(kind, str) or not isinstance(name, str) or name not in NAMES.get(kind, ()):
            known = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in NAMES.items())
            raise ConfigError("fault", f"there is no {kind} {name} to break", f"known are {known}")
        if kind == _ORIGIN:
            return replace(self, origin_away=on)
        if kind == _CITY:
            return replace(self, cities=_switched(self.cities, name, on=on))
        if kind == _REGION:
            return replace(self, regions=_switched(self.regions, name, on=on))
        return replace(self, isps=_switched(self.isps, name, on=on))

    def told(self) -> list[dict[str, Any]]:
        """Every fault that there could be and whether it is on, for the page's buttons."""
        on = {_CITY: self.cities, _REGION: self.regions, _ISP: self.isps}
        on[_ORIGIN] = (_ORIGIN,) if self.origin_away else ()
        return [
            {"kind": kind, "name": name, "on": name in on[kind]}
            for kind, names in NAMES.items()
            for name in names
        ]


def _switched(names: tuple[str, ...], name: str, *, on: bool) -> tuple[str, ...]:
    others = tuple(one for one in names if one != name)
    return (*others, name) if on else others
