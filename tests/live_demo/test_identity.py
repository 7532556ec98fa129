"""Signed records among real processes: some sign and one does not, and a thief takes nobody's name."""

import asyncio
from pathlib import Path

import pytest

from live_demo.cluster import Cluster

PLAIN, SIGNED = "chennai", ("pune", "delhi", "kochi")


async def keys(cluster: Cluster, at: str) -> dict[str, str]:
    members = (await cluster.get(f"{cluster.nodes[at].admin}/v1/members"))["members"]
    return {one["name"]: one["key"] for one in members}


@pytest.mark.timeout(120)
async def test_a_thief_of_a_name_is_refused_and_a_restart_is_not(cluster: Cluster, tmp_path: Path) -> None:
    def signing(name: str) -> dict[str, str]:
        return {"identity_signatures": "verify", "identity_file": str(tmp_path / f"{name}.pem")}

    plain = await cluster.node(PLAIN)  # as of before there were signatures, and the others' only seed
    for name in SIGNED:
        await cluster.node(name, gossip_seeds=str(plain.gossip), **signing(name))
    names = (PLAIN, *SIGNED)
    await cluster.whole(*names)
    known = await keys(cluster, "pune")
    assert known.pop(PLAIN) == ""
    assert len({one for one in known.values() if one}) == len(SIGNED)
    assert all([await keys(cluster, at) == known | {PLAIN: ""} for at in names])

    owner = cluster.nodes["kochi"]
    thief = cluster.launch("kochi", gossip_seeds=str(plain.gossip), **signing("thief"))
    await thief.up()
    async with asyncio.timeout(20):
        while not await cluster.metric("pune", "edge_signatures_refused_total", reason="other_key"):
            await asyncio.sleep(0.1)
    await asyncio.sleep(3)
    assert (await keys(cluster, "pune"))["kochi"] == (await keys(cluster, "delhi"))["kochi"] == known["kochi"]
    assert (await cluster.statuses("pune"))["kochi"] == "alive"
    assert owner.popen.poll() is None  # else who starts a second process of a name ends the first
    thief.kill()

    owner.kill()
    again = await cluster.node("kochi", gossip_bind=str(owner.gossip), **signing("kochi"))
    await cluster.whole(*names)
    assert (await keys(cluster, "delhi"))["kochi"] == known["kochi"]
    assert again.stop() == 0
