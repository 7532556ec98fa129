"""The eight cities of the demo."""

import math
from typing import NamedTuple


class City(NamedTuple):
    """One city and its part of the audience."""

    name: str
    share: float  # of all viewers
    lat: float
    lon: float
    region: str
    isp: str  # assumption: one provider each, so that provider failures can be shown
    busy: float  # load at which its share of the viewers keeps it; assumption

    def capacity(self, viewers: int) -> int:
        """Streams its node is made for, so that `viewers` in all load it to `busy`."""
        return max(8, math.ceil(viewers * self.share / self.busy))


CITIES = (
    City("mumbai", 0.28, 19.07, 72.88, "west", "jio", 0.78),
    City("delhi", 0.20, 28.61, 77.21, "north", "airtel", 0.70),
    City("bangalore", 0.14, 12.97, 77.59, "south", "airtel", 0.62),
    City("hyderabad", 0.10, 17.39, 78.49, "south", "jio", 0.55),
    City("chennai", 0.10, 13.08, 80.27, "south", "bsnl", 0.58),
    City("kolkata", 0.08, 22.57, 88.36, "east", "bsnl", 0.50),
    City("pune", 0.06, 18.52, 73.86, "west", "jio", 0.45),
    City("ahmedabad", 0.04, 23.02, 72.57, "west", "airtel", 0.40),
)
