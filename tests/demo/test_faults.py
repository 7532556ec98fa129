from typing import Any

import pytest

from edge.demo.cities import CITIES, City
from edge.demo.faults import LOSS, Faults
from edge.model import ConfigError

CITY = {city.name: city for city in CITIES}
MUMBAI, PUNE, AHMEDABAD, DELHI, CHENNAI = (
    CITY[name] for name in ("mumbai", "pune", "ahmedabad", "delhi", "chennai")
)


def test_without_faults_all_reach_all_and_nothing_is_lost() -> None:
    assert all(Faults().reaches(a, b) and Faults().loss(a, b) == 0 for a in CITIES for b in CITIES)


@pytest.mark.parametrize(
    ("faults", "sender", "receiver", "reached"),
    [
        (Faults(cities=("mumbai",)), MUMBAI, PUNE, False),
        (Faults(cities=("mumbai",)), PUNE, MUMBAI, False),
        (Faults(cities=("mumbai",)), PUNE, DELHI, True),
        (Faults(cities=("mumbai",)), MUMBAI, MUMBAI, True),
        (Faults(cities=("mumbai", "pune")), MUMBAI, PUNE, False),
        (Faults(regions=("west",)), MUMBAI, PUNE, True),
        (Faults(regions=("west",)), MUMBAI, DELHI, False),
        (Faults(regions=("west",)), DELHI, CHENNAI, True),
        (Faults(regions=("west", "south")), MUMBAI, CHENNAI, False),
        (Faults(regions=("west", "south")), CHENNAI, DELHI, False),
        (Faults(regions=("west",), cities=("pune",)), AHMEDABAD, PUNE, False),
        (Faults(regions=("west",), cities=("pune",)), AHMEDABAD, MUMBAI, True),
    ],
)
def test_a_cut_lies_between_what_is_in_it_and_what_is_not(
    faults: Faults, sender: City, receiver: City, reached: bool
) -> None:
    assert faults.reaches(sender, receiver) is reached


def test_a_degraded_isp_loses_what_its_nodes_send_and_get() -> None:
    faults = Faults(isps=("jio",))
    assert faults.loss(MUMBAI, PUNE) == LOSS  # both are with jio: lost once
    assert faults.loss(MUMBAI, DELHI) == faults.loss(DELHI, MUMBAI) == LOSS
    assert faults.loss(DELHI, CHENNAI) == 0


def test_each_fault_is_switched_on_and_off_by_itself() -> None:
    faults = Faults()
    for kind, name in (("city", "pune"), ("region", "west"), ("isp", "bsnl"), ("origin", "origin")):
        faults = faults.changed({"kind": kind, "name": name, "on": True})
    assert faults == Faults(cities=("pune",), regions=("west",), isps=("bsnl",), origin_away=True)
    again = faults.changed({"kind": "city", "name": "pune", "on": True})
    assert again == faults
    less = faults.changed({"kind": "region", "name": "west", "on": False})
    assert less == Faults(cities=("pune",), isps=("bsnl",), origin_away=True)
    assert less.changed({"kind": "all", "on": False}) == Faults()


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"kind": "city", "name": "mumbay", "on": True},
        {"kind": "city", "name": "west", "on": True},
        {"kind": "region", "name": "north", "on": True},  # one city; it can be cut as that
        {"kind": ["city"], "name": "pune", "on": True},
        {"kind": "city", "name": ["pune"], "on": True},
        {"kind": "city", "name": "pune", "on": 1},
        {"kind": "all", "on": True},
        {"kind": "city", "name": "pune", "on": True, "for_s": 5},
    ],
)
def test_what_is_no_fault_is_refused(asked: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        Faults().changed(asked)


def test_it_tells_every_button_and_which_are_pressed() -> None:
    told = Faults(regions=("south",), origin_away=True).told()
    assert {"kind": "city", "name": "kolkata", "on": False} in told
    assert [one["name"] for one in told if one["on"]] == ["south", "origin"]
    assert len(told) == 8 + 2 + 3 + 1
