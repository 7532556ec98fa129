"""The Indian-city latency model: one-way, 0.5 ms and 1.6 times the great circle at 200,000 km/s, plus jitter."""

import math
from dataclasses import dataclass

from edge.demo.cities import CITIES

BASE_S = 0.0005
DETOUR = 1.6
FIBRE_KM_S = 200_000
_EARTH_KM = 6371


@dataclass(frozen=True, slots=True)
class Place:
    """Where a simulated node is."""

    city: str
    lat: float
    lon: float
    isp: str
    region: str


def places(count: int) -> list[Place]:
    """Cities for `count` nodes, by their share of the viewers (largest remainder), every city once it is its turn."""
    known = [Place(one.name, one.lat, one.lon, one.isp, one.region) for one in CITIES]
    given = [0] * len(CITIES)
    chosen = []
    for number in range(1, count + 1):
        owed = [one.share * number - given[index] for index, one in enumerate(CITIES)]
        index = owed.index(max(owed))
        given[index] += 1
        chosen.append(known[index])
    return chosen


def one_way_s(a: Place, b: Place) -> float:
    """Delay without jitter, seconds."""
    lat_a, lon_a, lat_b, lon_b = map(math.radians, (a.lat, a.lon, b.lat, b.lon))
    half = math.sin((lat_b - lat_a) / 2) ** 2
    half += math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    kilometres = 2 * _EARTH_KM * math.asin(math.sqrt(half))
    return BASE_S + DETOUR * kilometres / FIBRE_KM_S
