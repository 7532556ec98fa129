"""What is purged on one side of a cut is purged on the other as soon as that can hear of it."""

import asyncio
import logging
import time

import pytest

from needs import needs
from netns.cities import Cities
from netns.network import PROGRAMS
from netns.places import HOSTS, Host, Hosts, others, zone

NOTICED_S = 20.0
HEALED_S = 15.0
OLD_S = 20.0  # so that what was there before is told from what came after
HERE, THERE = "/live/v240/init.mp4", "/live/v360/init.mp4"

MUMBAI, REST = zone("mumbai"), others(zone("mumbai"))

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures
pytestmark = [needs(*PROGRAMS), pytest.mark.timeout(180)]


async def acted(cities: Cities, at: Hosts, reached: Hosts, purges: int) -> float:
    """Wait until these know of so many purges that each of `reached` has acted on; how long that took, in seconds."""

    async def known(one: Host) -> list[list[str]]:
        held = (await cities.get(one, "/v1/events"))["events"]
        return [each["reached"] for each in held if each["kind"] == "purge"]

    return await cities.all_say([sorted(one.name for one in reached)] * purges, known, at, HEALED_S)


async def test_purges_on_both_sides_of_a_cut_reach_everybody_after_it(cities: Cities) -> None:
    async def ages(path: str) -> list[float]:
        """How long ago each node's copy was made, in seconds."""
        found = await asyncio.gather(*(cities.fetch(at, path) for at in HOSTS))
        return [float(one["Age"]) for one in found]

    await cities.origin()
    for path in (HERE, THERE):
        await ages(path)
    filled_at = time.time()
    cities.network.cut(MUMBAI, REST)
    await cities.agree(NOTICED_S, among=REST, alive=REST)
    await asyncio.sleep(OLD_S)
    purged_at = time.time()
    assert min([*await ages(HERE), *await ages(THERE)]) >= int(purged_at - filled_at)
    await cities.post(MUMBAI[0], "/v1/purge", {"url": HERE})
    await cities.post(REST[0], "/v1/purge", {"url": THERE})
    await acted(cities, MUMBAI, reached=MUMBAI, purges=1)
    await acted(cities, REST, reached=REST, purges=1)
    cities.network.heal()
    log.info("acted on everywhere %.1f s after the heal", await acted(cities, HOSTS, reached=HOSTS, purges=2))
    assert max([*await ages(HERE), *await ages(THERE)]) <= time.time() - purged_at < purged_at - filled_at
    told = await cities.edge(HOSTS[-1], "events", "--durable")
    lines = [line.split() for line in told.splitlines() if "purge" in line]
    assert [line[-3:] for line in lines] == [["12", "of", "12"]] * 2
