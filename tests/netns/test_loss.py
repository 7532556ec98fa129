"""Ways that lose some of what is sent, or all between some hosts, or of one kind."""

import asyncio
import logging

import pytest

from needs import needs
from netns.cities import Cities
from netns.islands import DECLARED, told
from netns.network import GOSSIP_ONLY, PROGRAMS, TCP_ONLY
from netns.places import HOSTS, Host, others, zone

LOSSY_S = 15.0
NO_CUT_PERCENT = 25  # loss up to this is never taken for a cut
HEALED_S = 15.0
BACK_S = 60.0
EVENTS = 200  # so many that they are asked for over a connection

MUMBAI, PUNE, DELHI = zone("mumbai"), zone("pune"), zone("delhi")

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures
pytestmark = [needs(*PROGRAMS), pytest.mark.timeout(180)]


@pytest.mark.parametrize("percent", [10, 25, 40])
async def test_random_loss_everywhere_ends_nobody(cities: Cities, percent: int) -> None:
    cities.network.lose(percent, HOSTS, HOSTS)
    await asyncio.sleep(LOSSY_S)
    cities.network.heal()
    whole_s = await cities.agree(HEALED_S)
    suspected = cities.doubts(HOSTS, HOSTS, kinds=("suspect",))
    log.info("%d%% lost: %d suspicions, whole again after %.1f s", percent, len(suspected), whole_s)
    assert not cities.doubts(HOSTS, HOSTS, kinds=("unreachable",))
    assert percent > NO_CUT_PERCENT or not told(cities, DECLARED)


async def test_loss_in_one_direction_ends_nobody(cities: Cities) -> None:
    cities.network.lose(50, sources=MUMBAI, targets=others(MUMBAI))
    await asyncio.sleep(LOSSY_S)
    cities.network.heal()
    log.info("whole again after %.1f s", await cities.agree(HEALED_S))
    assert not cities.doubts(HOSTS, HOSTS, kinds=("unreachable",))


async def test_two_hosts_that_cannot_reach_each_other_trust_what_others_say(cities: Cities) -> None:
    """As where a firewall lets no gossip through."""
    cities.network.cut(MUMBAI[:1], DELHI[:1], GOSSIP_ONLY)
    await asyncio.sleep(LOSSY_S)
    await cities.agree(within_s=0)
    assert not cities.doubts(HOSTS, HOSTS)
    assert not told(cities, DECLARED)
    cities.network.heal()


async def test_two_cities_that_cannot_reach_each_other_but_a_third(cities: Cities) -> None:
    cities.network.cut(MUMBAI, DELHI)
    await asyncio.sleep(LOSSY_S)
    assert not cities.doubts(HOSTS, HOSTS, kinds=("unreachable",))
    assert not told(cities, DECLARED)
    cities.network.heal()
    log.info("whole again after %.1f s", await cities.agree(HEALED_S))


async def test_a_node_that_no_connection_reaches_learns_all_by_datagrams(cities: Cities) -> None:
    back, keys = PUNE[1], [f"score/{number}" for number in range(EVENTS)]
    for key in keys:
        await cities.post(HOSTS[0], "/v1/events", {"key": key, "ttl_s": 120})
    await cities.stop(back)
    cities.network.cut((back,), others((back,)), TCP_ONLY)
    cities.start(back)
    seen_s = await cities.agree(BACK_S)

    async def known(at: Host) -> list[str]:
        held = (await cities.get(at, "/v1/events"))["events"]
        return sorted(one["key"] for one in held if one["kind"] == "user")

    all_s = await cities.all_say(sorted(keys), known, (back,), BACK_S)
    log.info("of one mind %.1f s after its start, knew all %.1f s later", seen_s, all_s)
    cities.network.heal()
    assert await cities.metric(back, "edge_gossip_bulk_failed_total") > 0
