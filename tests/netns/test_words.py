"""What operators say on either side of a cut: known everywhere after it, and at once where there is a second path."""

import asyncio
import logging
import time
from typing import Any

import pytest

from needs import needs
from netns.cities import Cities
from netns.network import BUT_BACKUP, PROGRAMS
from netns.places import HOSTS, Host, Hosts, others, zone

NOTICED_S = 20.0  # the targets are what `make bench` measures; here is a bound for a busy machine
CROSSED_S = 20.0
HEALED_S = 15.0
ACTED_S = 10.0
FOR_S = 60  # the override

MUMBAI, REST = zone("mumbai"), others(zone("mumbai"))

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures
pytestmark = [needs(*PROGRAMS), pytest.mark.timeout(240)]


async def acted(cities: Cities, event: dict[str, Any], at: Hosts, reached: Hosts, within_s: float) -> float:
    """Wait until these know of an event that each of `reached` has acted on it; how long that took, in seconds."""

    async def known(one: Host) -> list[list[str]]:
        held = (await cities.get(one, "/v1/events"))["events"]
        return [
            each["reached"] for each in held if (each["kind"], each["key"]) == (event["kind"], event["key"])
        ]

    return await cities.all_say([sorted(one.name for one in reached)], known, at, within_s)


async def levels(cities: Cities, at: Hosts) -> list[int]:
    return [(await cities.get(one, "/v1/monsoon"))["level"] for one in at]


async def purge(cities: Cities, at: Host, url: str) -> dict[str, Any]:
    made: dict[str, Any] = await cities.post(at, "/v1/purge", {"url": url})
    return made


async def override(cities: Cities, at: Host, level: int | None) -> dict[str, Any]:
    """Order a level for mumbai, or take the order back."""
    asked = {"scope": "zone", "name": "mumbai", "level": level, "for_s": FOR_S}
    made: dict[str, Any] = await cities.post(at, "/v1/monsoon", asked)
    return made


async def test_a_purge_inside_and_an_override_outside_are_everywhere_after_the_cut(cities: Cities) -> None:
    cities.network.cut(MUMBAI, REST)
    await cities.agree(NOTICED_S, among=REST, alive=REST)
    await cities.agree(NOTICED_S, among=MUMBAI, alive=MUMBAI)
    purged = await purge(cities, MUMBAI[1], "/live/v240/1.m4s")
    ordered = await override(cities, REST[1], 3)
    await acted(cities, purged, MUMBAI, reached=MUMBAI, within_s=ACTED_S)
    await acted(cities, ordered, REST, reached=REST, within_s=ACTED_S)
    assert 3 not in await levels(cities, MUMBAI)
    cities.network.heal()
    healed = time.monotonic()
    both = [acted(cities, one, HOSTS, reached=HOSTS, within_s=HEALED_S) for one in (purged, ordered)]
    log.info(
        "acknowledged by all %.1f s (purge) and %.1f s (override) after the heal",
        *await asyncio.gather(*both),
    )
    assert await levels(cities, MUMBAI) == [3] * len(MUMBAI)
    assert 3 not in await levels(cities, REST)
    log.info("counts in the city %.1f s after the heal", time.monotonic() - healed)
    await acted(cities, await override(cities, MUMBAI[0], None), HOSTS, reached=HOSTS, within_s=HEALED_S)
    assert 3 not in await levels(cities, MUMBAI)


async def test_a_purge_inside_and_an_override_outside_cross_by_the_second_path(cities: Cities) -> None:
    fault = cities.network.cut(MUMBAI, REST, BUT_BACKUP)
    await cities.agree(NOTICED_S, among=REST, alive=REST)
    await cities.agree(NOTICED_S, among=MUMBAI, alive=MUMBAI)
    began = [await purge(cities, MUMBAI[1], "/live/v240/2.m4s"), await override(cities, REST[1], 3)]
    both = [acted(cities, one, HOSTS, reached=HOSTS, within_s=CROSSED_S) for one in began]
    log.info("across the cut in %.1f s (purge) and %.1f s (override)", *await asyncio.gather(*both))
    assert await levels(cities, MUMBAI) == [3] * len(MUMBAI)
    await acted(cities, await override(cities, MUMBAI[0], None), HOSTS, reached=HOSTS, within_s=CROSSED_S)
    await cities.agree(0, among=REST, alive=REST)  # the cut lasts all the while
    await cities.agree(0, among=MUMBAI, alive=MUMBAI)
    cities.network.heal(fault)
    await cities.agree(HEALED_S)
