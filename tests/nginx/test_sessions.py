"""Admission, caps and quality where nginx serves: what begins a session always comes to the node."""

import asyncio

import pytest

from cache.pretend_origin import SEGMENT, PretendOrigin
from needs import needs
from nginx.site import Site
from running import Running
from shell.test_sessions import HIGH, HLS, LOW, MAIN, MEDIA, MULTIVARIANT
from waiting import until

pytestmark = [needs("nginx"), pytest.mark.timeout(60)]


@pytest.fixture(autouse=True)
def ladder(origin: PretendOrigin) -> None:
    """Two rungs below one multivariant playlist."""
    origin.serve(MAIN, MULTIVARIANT, HLS)
    for path in (LOW, HIGH):
        origin.serve(path, MEDIA, HLS)


async def test_a_session_that_is_refused_is_no_viewer_and_others_go_on(site: Site, running: Running) -> None:
    site.settings["node__capacity"] = "2"
    node = await site.start_node(running)
    for sid in "ab":
        assert (await site.get(MAIN, CMCD_Session=f'sid="{sid}"')).status == 200
    for sid in "cd":
        refused = await site.get(MAIN, CMCD_Session=f'sid="{sid}"')
        assert refused.status == 503
        assert 10 <= int(refused.headers["Retry-After"]) <= 20
    for path in (MAIN, LOW, SEGMENT):
        assert (await site.get(path, CMCD_Session='sid="a"')).status == 200
    await until(lambda: node.traffic.requests_total >= 5)
    assert set(node.traffic._viewers._last) == {"a", "b"}
    assert node.audience.sessions.refused["full"] == 2


async def test_under_a_cap_new_sessions_see_fewer_rungs_and_running_ones_lose_the_others(
    site: Site, running: Running
) -> None:
    node = await site.start_node(running)
    assert (await site.get(MAIN)).body == MULTIVARIANT
    assert (await site.get(HIGH)).status == 200
    node.monsoon.override({"level": 1})
    await until(lambda: node.monsoon.level == 1)
    capped = await site.get(MAIN)
    assert (capped.status, b"v240/" in capped.body, b"v720/" in capped.body) == (200, True, False)
    assert capped.headers["CMSD-Dynamic"] == '"pune";mb=800'
    async with asyncio.timeout(5):  # nginx keeps a playlist for about a second
        while (await site.get(HIGH)).status != 404:
            await asyncio.sleep(0.1)
    assert (await site.get(LOW)).status == 200
    node.monsoon.override({"level": None})
    await until(lambda: node.monsoon.level == 0)
    assert (await site.get(HIGH)).status == 200
    assert (await site.get(MAIN)).body == MULTIVARIANT


async def test_what_players_tell_nginx_is_heard(site: Site, running: Running) -> None:
    site.settings |= {"node__zone": "mumbai", "node__isp": "jio"}
    node = await site.start_node(running)
    for number in range(6):
        said = f"br%3D2400%2Cbs%2Cmtp%3D2100%2Cot%3Dv%2Csid%3D%22s{number}%22"
        assert (await site.get(f"{SEGMENT}?CMCD={said}")).status == 200
        fields = {
            "CMCD_Object": "br=2400,ot=v",
            "CMCD_Request": "mtp=2100",
            "CMCD_Session": f'sid="s{number}"',
            "CMCD_Status": "bs",
        }
        assert (await site.get(SEGMENT, **fields)).status == 200
    await until(lambda: ("mumbai", "jio") in node.audience.quality.caps.seen)
    await until(lambda: node.audience.quality.meter.samples == 12)
    found = node.audience.quality.caps.seen["mumbai", "jio"]
    assert (found.sessions, found.kbps, found.stalls) == (6, 2400, 1.0)
    await until(lambda: node.audience.quality.caps.cap("mumbai", "jio") == 1500)
    assert b"v720/" not in (await site.get(MAIN)).body
