"""Monsoon mode keeps calm on a link that flaps, does what a bad link calls for, and clears again by itself."""

import asyncio
import logging
import time

import pytest

from needs import needs
from netns.cities import Cities
from netns.islands import DECLARED, told
from netns.network import GOSSIP_ONLY, PROGRAMS
from netns.places import HOSTS, Host, others, zone

FLAPPING_S = 120
CHANGES_MAX = 2  # of each node, until all are clear again
BAD_PERCENT = 40
REACHED_S = 90.0
CLEAR_S = 180.0
DWELL_S = 10.0

MUMBAI, REST = zone("mumbai"), others(zone("mumbai"))

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures
pytestmark = [needs(*PROGRAMS), pytest.mark.timeout(FLAPPING_S + REACHED_S + 2 * CLEAR_S)]


async def changes(cities: Cities) -> list[float]:
    """How often each node has changed its mode or level since its start."""
    return [await cities.metric(at, "edge_monsoon_transitions_total") for at in HOSTS]


async def test_a_link_that_flaps_changes_the_mode_at_most_twice(cities: Cities) -> None:
    await cities.clear(CLEAR_S)
    before = await changes(cities)
    for _ in range(FLAPPING_S // 3):
        flap = cities.network.cut(MUMBAI, REST)
        await asyncio.sleep(1)
        cities.network.heal(flap)
        await asyncio.sleep(2)
    clear_s = await cities.clear(CLEAR_S)
    made = [int(now - then) for now, then in zip(await changes(cities), before, strict=True)]
    log.info("changes of each node: %s; all clear %.1f s after the last cut", made, clear_s)
    assert max(made) <= CHANGES_MAX, [one.text for one in cities.story(HOSTS, HOSTS) if one.kind == "monsoon"]
    assert not cities.doubts(HOSTS, HOSTS, kinds=("unreachable",))


async def test_a_city_that_loses_datagrams_degrades_and_clears_after_its_dwell(cities: Cities) -> None:
    async def degraded(at: Host) -> bool:
        return bool((await cities.get(at, "/v1/monsoon"))["level"] >= 1)

    async def seen(at: Host) -> list[int]:
        zones = (await cities.get(at, "/v1/monsoon"))["zones"]
        return [one["level"] for one in zones if one["zone"] == "mumbai"]

    await cities.clear(CLEAR_S)
    cities.network.lose(BAD_PERCENT, MUMBAI, HOSTS, GOSSIP_ONLY)
    cities.network.lose(BAD_PERCENT, REST, MUMBAI, GOSSIP_ONLY)
    reached_s = await cities.all_say(True, degraded, MUMBAI, REACHED_S)
    level = 2 if told(cities, DECLARED, MUMBAI) else 1  # as bad as this it may be taken for a cut
    assert max([(await cities.get(at, "/v1/monsoon"))["level"] for at in MUMBAI]) <= level
    await cities.all_say([1], seen, REST[:1], DWELL_S)
    cities.network.heal()
    healed_at = time.time()
    log.info("level 1 after %.1f s, clear %.1f s after the heal", reached_s, await cities.clear(CLEAR_S))
    for at in MUMBAI:
        last = (await cities.get(at, "/v1/monsoon"))["transitions"][-1]
        assert (last["from"], last["to"]) == ("watch", "clear")
        assert last["time"] - healed_at >= 2 * DWELL_S  # which is what a watch lasts
    assert not cities.doubts(HOSTS, HOSTS, kinds=("unreachable",))
