"""A city is killed and comes back, ten times, with viewers watching."""

import asyncio
import logging
import statistics
import time

import pytest

from live_demo.cluster import Cluster

CITIES = ("mumbai", "delhi", "bangalore", "hyderabad", "chennai", "kolkata", "pune", "ahmedabad")
KILLS = 10

log = logging.getLogger(__name__)  # -o log_cli=true --log-level=INFO shows the figures


async def stops_routing(cluster: Cluster, victim: str, since: float) -> float:
    """Seconds until no other node sends a viewer of the victim's zone to the victim any more."""

    async def last_sent(at: str) -> float:
        last, quiet_since = since, time.monotonic()
        while time.monotonic() - quiet_since < 0.5:
            asked = time.monotonic()
            url = f"{cluster.nodes[at].public}/v1/route?path=/live/main.m3u8&zone={victim}"
            async with cluster.http.get(url, allow_redirects=False) as answer:
                assert answer.status == 302
                if answer.headers["Edge-Route"].startswith(f"{victim};"):
                    last = quiet_since = asked
            await asyncio.sleep(0.02)
        return last - since

    return max(await asyncio.gather(*(last_sent(at) for at in CITIES if at != victim)))


async def everywhere(cluster: Cluster, victim: str, status: str, within_s: float) -> None:
    async def holds(at: str) -> None:
        while (await cluster.statuses(at)).get(victim) != status:
            await asyncio.sleep(0.02)

    async with asyncio.timeout(within_s):
        await asyncio.gather(*(holds(at) for at in CITIES if at != victim))


@pytest.mark.timeout(240)
async def test_a_killed_city_is_shunned_declared_and_taken_back(cluster: Cluster) -> None:
    await cluster.origin()
    await cluster.grow(*CITIES)
    cluster.viewers(100)
    await asyncio.sleep(3)
    shunned, declared, back = [], [], []
    for kill in range(KILLS):
        victim = CITIES[kill % len(CITIES)]
        before = cluster.nodes[victim]
        since = time.monotonic()
        before.kill()
        shunned.append(await stops_routing(cluster, victim, since))
        await everywhere(cluster, victim, "unreachable", within_s=since + 4 - time.monotonic())
        declared.append(time.monotonic() - since)

        # every other time on the port it had; else on another one
        bind = str(before.gossip) if kill % 2 else "127.0.0.1:0"
        again = await cluster.node(victim, gossip_bind=bind)
        since = time.monotonic()
        assert (again.gossip == before.gossip) == bool(kill % 2)
        await everywhere(cluster, victim, "alive", within_s=2)
        back.append(time.monotonic() - since)
        await asyncio.sleep(0.5)
    for what, seconds in (("shunned", shunned), ("declared", declared), ("back", back)):
        log.info("%s after %s s", what, " ".join(f"{one:.2f}" for one in sorted(seconds)))
    assert statistics.median(shunned) <= 0.6
    assert max(shunned) <= 1.5
