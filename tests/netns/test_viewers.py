"""Viewers keep playing what is held: those of a city that is cut off, and all of them while the origin is gone."""

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

import pytest

from needs import needs
from netns.cities import Cities
from netns.network import PROGRAMS
from netns.places import CROWDS, HOSTS, ORIGIN, Host, Hosts, crowd, others, zone
from netns.viewing import EVERY_S, Crowd, Got, judged, longest_pause_s, wrong

CUT_S = 60.0
ORIGIN_GONE_S = float(os.environ.get("EDGE_NETNS_ORIGIN_GONE_S", "60"))  # what is promised is 300
VIEWERS = 16  # of each city
COME_S, CLEAR_S = 60.0, 180.0
SETTLED_S = 6.0  # in which they have played what they began with
BEFORE_S = 8.0
LATE_S = 6.0  # from a segment's beginning on until it has been fetched somewhere
PAUSE_S = 12.0  # at most, between two things that a viewer gets: a wait for the origin, and a few seconds of shyness
BACK_S = 15.0
HEALED_S = 15.0

MUMBAI = zone("mumbai")
REST = others(MUMBAI)
INSIDE: Hosts = (*MUMBAI, crowd("mumbai"))
OUTSIDE: Hosts = tuple(one for one in (*HOSTS, *CROWDS, ORIGIN) if one not in INSIDE)

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures
pytestmark = [needs(*PROGRAMS), pytest.mark.timeout(420 + ORIGIN_GONE_S)]
Gather = Callable[..., Awaitable[list[Crowd]]]


@pytest.fixture
async def gather(cities: Cities) -> AsyncIterator[Gather]:
    """Lets viewers come, and waits until they play."""
    crowds: list[Crowd] = []

    async def come(*hosts: Host) -> list[Crowd]:
        crowds.extend(Crowd(cities, one, VIEWERS) for one in hosts)
        await back(crowds, time.time(), COME_S)
        await asyncio.sleep(SETTLED_S)
        return crowds

    await cities.origin()
    await cities.clear(CLEAR_S)
    yield come
    for one in crowds:
        one.end()


async def back(crowds: Sequence[Crowd], since: float, within_s: float = BACK_S) -> float:
    """Wait until every viewer got a segment published after `since`; how long that took, in seconds."""
    while True:
        found = [{one.viewer for one in each.got(since) if one.published > since} for each in crowds]
        if all(len(one) == VIEWERS for one in found):
            return time.time() - since
        assert time.time() - since < within_s, (
            f"of {VIEWERS}, {[len(one) for one in found]} got something new"
        )
        await asyncio.sleep(0.5)


def assert_served(crowd: Crowd, since: float, until: float, island: Hosts) -> list[Got]:
    """What the viewers of a city got in this time is what there was, and says what it is; all of it."""
    verdict = judged(crowd.got(until=until), since, {one.name for one in island})
    pause_s = longest_pause_s(crowd.got(since, until), VIEWERS, since, until)
    told = crowd.failures(since, until)
    figures = f"{dict(verdict.ways)}, longest pause {pause_s:.1f} s, the viewers' own: {dict(told)}"
    log.info("%s: %s; only elsewhere: %d", crowd.zone, figures, len(verdict.elsewhere))
    assert not verdict.broken, verdict.broken[:5]
    for one in verdict.nowhere:  # a playlist may name what came too late to be fetched
        assert one.number * EVERY_S > since - LATE_S, one
    assert pause_s < PAUSE_S
    faults = wrong(crowd.got())
    assert not faults, faults[:5]
    return crowd.got(since, until)


async def test_viewers_of_a_city_that_is_cut_off_play_what_its_island_holds(
    cities: Cities, gather: Gather
) -> None:
    inside, *outside = await gather(crowd("mumbai"), crowd("pune"), crowd("delhi"))
    before = await rates(cities, BEFORE_S)
    fault = cities.network.cut(INSIDE, OUTSIDE)
    cut_at = time.time()
    during = await rates(cities, CUT_S)
    for island in (MUMBAI, REST):
        await cities.agree(0, among=island, alive=island)
        assert not cities.doubts(island, about=island, kinds=("unreachable",))
    assert [len(await cities.statuses(at)) for at in HOSTS] == [len(HOSTS)] * len(
        HOSTS
    )  # nobody is forgotten
    cities.network.heal(fault)
    healed_at = time.time()
    log.info("cross-zone bytes/s out, in: %s before, %s in the cut", before, during)
    log.info("all have new segments %.1f s after the heal", await back([inside], healed_at))
    await cities.agree(HEALED_S)
    await cities.all_say(True, lambda at: told_in_order(cities, at), (MUMBAI[0], REST[0]), HEALED_S)
    got = assert_served(inside, cut_at, healed_at, island=MUMBAI)
    assert max(one.age_s for one in got if one.is_stale) > CUT_S - PAUSE_S
    for one in outside:
        assert not [each for each in assert_served(one, cut_at, healed_at, island=REST) if not each.is_good]
        assert not one.failures(cut_at, healed_at)
    assert all(now < then / 2 for now, then in zip(during, before, strict=True))


async def told_in_order(cities: Cities, at: Host) -> bool:
    """Whether one command tells what the cut was, from its beginning to its end."""
    lines = (await cities.edge(at, "events", "--last=2000")).splitlines()
    kinds = [line.split()[1] for line in lines if line.split()[2:3] == [at.name]]
    latest = kinds[len(kinds) - 1 - kinds[::-1].index("partition") :]
    told = [one for one in latest if one in ("partition", "island", "healed")]
    # An island is told of again if more are found lost and its side changes.
    return list(dict.fromkeys(told)) == ["partition", "island", "healed"] and told[-1] == "healed"


async def rates(cities: Cities, for_s: float) -> list[int]:
    """Bytes a second that mumbai sends across its border, and those that it is sent."""
    ways = ((INSIDE, OUTSIDE), (OUTSIDE, INSIDE))
    cities.network.count(*ways)
    await asyncio.sleep(for_s)
    return [round(cities.network.sent(*way) / for_s) for way in ways]


async def test_the_window_is_served_while_the_origin_is_gone_and_goes_on_by_itself(
    cities: Cities, gather: Gather
) -> None:
    crowds = await gather(*CROWDS)
    cities.kill(ORIGIN)  # one that leaves in order may answer late, and what comes late counts as young
    gone_at = time.time()
    await asyncio.sleep(ORIGIN_GONE_S)
    returned_at = time.time()
    await cities.origin()
    up_at = time.time()
    back_s = await back(crowds, up_at)
    log.info(
        "all have new segments %.1f s after the origin's return, which took %.1f s",
        back_s,
        up_at - returned_at,
    )
    for one in crowds:
        got = assert_served(one, gone_at, returned_at, island=HOSTS)
        stale = [each.age_s for each in got if each.is_stale]
        log.info("%s: %d served stale, the oldest %d s old", one.zone, len(stale), max(stale))
        assert max(stale) > ORIGIN_GONE_S - PAUSE_S
