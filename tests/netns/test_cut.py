"""Cities are cut off from each other, and find back by themselves."""

import asyncio
import logging
import time

import pytest

from needs import needs
from netns.cities import Cities
from netns.islands import CLOSED, DECLARED, seen, told_by_all, unseen
from netns.network import PROGRAMS
from netns.places import HOSTS, others, zone

NOTICED_S = 20.0  # the targets are what `make bench` measures; here is a bound for a busy machine
CUT_S = 15.0
REFUTED_S = 2.0
HEALED_S = 15.0
FLAPS = 10

MUMBAI, PUNE, DELHI = zone("mumbai"), zone("pune"), zone("delhi")
REST = others(MUMBAI)

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures
pytestmark = [needs(*PROGRAMS), pytest.mark.timeout(180)]


async def test_twelve_hosts_in_three_cities_are_one_cluster(cities: Cities) -> None:
    await asyncio.sleep(5)
    await cities.agree(within_s=0)
    assert not cities.doubts(HOSTS, HOSTS)


async def test_a_city_that_is_cut_off_is_shunned_and_taken_back(cities: Cities) -> None:
    cut_at = time.time()
    cities.network.cut(MUMBAI, REST)
    declared_s = await told_by_all(cities, DECLARED, NOTICED_S) - cut_at
    await cities.agree(NOTICED_S, among=MUMBAI, alive=MUMBAI)
    await cities.agree(NOTICED_S, among=REST, alive=REST)
    await seen(cities, MUMBAI, REST, NOTICED_S)
    await seen(cities, REST, MUMBAI, NOTICED_S)
    await asyncio.sleep(CUT_S)
    assert not cities.doubts(HOSTS, HOSTS, kinds=("unreachable",))
    assert [(await cities.get(at, "/v1/monsoon"))["level"] for at in (MUMBAI[0], REST[0])] == [2, 0]
    assert not cities.doubts(MUMBAI, about=MUMBAI)
    assert not cities.doubts(REST, about=REST)
    assert await cities.metric(MUMBAI[0], "edge_members", status="alive") == len(MUMBAI)
    assert await cities.metric(REST[0], "edge_members", status="alive") == len(REST)
    healed_at = time.time()
    cities.network.heal()
    await cities.agree(HEALED_S)
    await unseen(cities, HEALED_S)
    closed_s = await told_by_all(cities, CLOSED, HEALED_S) - healed_at
    log.info("declared after %.1f s by all; %.1f s after the heal closed by all", declared_s, closed_s)


async def test_a_city_that_hears_but_is_not_heard(cities: Cities) -> None:
    """Nobody's probes are answered across the cut: theirs are not heard, and the answers of those here are not."""
    cities.network.lose(100, sources=MUMBAI, targets=REST)
    await cities.agree(NOTICED_S, among=REST, alive=REST)
    await cities.agree(NOTICED_S, among=MUMBAI, alive=MUMBAI)
    await asyncio.sleep(CUT_S)
    for island in (MUMBAI, REST):  # the accusations that are heard from afar are refuted
        assert not cities.doubts(island, about=island, kinds=("unreachable",))
        await cities.agree(REFUTED_S, among=island, alive=island)
    cities.network.heal()
    log.info("one again %.1f s after the heal", await cities.agree(HEALED_S))


async def test_three_islands_join_one_after_another(cities: Cities) -> None:
    first = cities.network.cut(MUMBAI, REST)
    second = cities.network.cut(PUNE, DELHI)
    for island in (MUMBAI, PUNE, DELHI):
        await cities.agree(NOTICED_S, among=island, alive=island)
    await asyncio.sleep(CUT_S)
    for island in (MUMBAI, PUNE, DELHI):
        assert not cities.doubts(island, about=island)
        await seen(cities, island, others(island), NOTICED_S)
    cities.network.heal(second)
    two_s = await cities.agree(HEALED_S, among=REST, alive=REST)
    cities.network.heal(first)
    log.info("two again after %.1f s, all after %.1f s", two_s, await cities.agree(HEALED_S))
    await unseen(cities, HEALED_S)


async def test_a_way_that_is_gone_one_second_in_three(cities: Cities) -> None:
    for _ in range(FLAPS):
        flap = cities.network.cut(MUMBAI, REST)
        await asyncio.sleep(1)
        cities.network.heal(flap)
        await asyncio.sleep(2)
    log.info("one again after %.1f s", await cities.agree(HEALED_S))
    assert not cities.doubts(HOSTS, HOSTS, kinds=("unreachable",))


async def test_a_restart_of_one_node_after_another_while_a_city_is_cut_off(cities: Cities) -> None:
    restarted = (PUNE[1], DELHI[2], MUMBAI[3])
    cities.network.cut(MUMBAI, REST)
    await cities.agree(NOTICED_S, among=REST, alive=REST)
    before = await cities.incarnations(HOSTS[0])
    for one in restarted:
        await cities.stop(one)
        cities.start(one)
        island = MUMBAI if one in MUMBAI else REST
        await cities.agree(NOTICED_S, among=island, alive=island)
    cities.network.heal()
    log.info("one again %.1f s after the heal", await cities.agree(HEALED_S))
    held = [await cities.incarnations(at) for at in HOSTS]
    for one in restarted:
        assert len({each[one.name] for each in held}) == 1
        assert held[0][one.name] > before[one.name]
    began = time.time()
    await asyncio.sleep(2)  # in which no word of their past lives comes up
    assert not cities.doubts(HOSTS, restarted, kinds=("unreachable", "left"), since=began)
