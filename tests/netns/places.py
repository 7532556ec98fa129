"""Who is where: in each of three cities four nodes, two of each provider, and viewers; and somewhere the origin."""

from typing import NamedTuple


class Host(NamedTuple):
    """A machine of its own, with one address."""

    name: str
    zone: str
    region: str
    isp: str
    address: str


Hosts = tuple[Host, ...]

_REGIONS = {"mumbai": "west", "pune": "west", "delhi": "north"}
_ISPS = ("jio", "jio", "airtel", "airtel")

HOSTS: Hosts = tuple(
    Host(f"{zone}-{number}", zone, region, isp, f"10.77.{subnet}.{number}")
    for subnet, (zone, region) in enumerate(_REGIONS.items(), 1)
    for number, isp in enumerate(_ISPS, 1)
)
ORIGIN = Host("origin", "", "", "", "10.77.250.1")
CROWDS: Hosts = tuple(
    Host(f"crowd-{zone}", zone, region, "", f"10.77.{subnet}.100")
    for subnet, (zone, region) in enumerate(_REGIONS.items(), 1)
)


def zone(name: str) -> Hosts:
    """The hosts of a city."""
    return tuple(one for one in HOSTS if one.zone == name)


def crowd(name: str) -> Host:
    """Where the viewers of a city are."""
    return next(one for one in CROWDS if one.zone == name)


def others(than: Hosts) -> Hosts:
    """All nodes' hosts but these."""
    return tuple(one for one in HOSTS if one not in than)
