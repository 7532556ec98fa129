"""Prewarming with nginx in front: what was fetched for nobody is in nginx when the first viewer comes."""

import pytest

from cache.pretend_origin import PLAYLIST, SEGMENT, PretendOrigin
from needs import needs
from nginx.site import Site, backend
from running import Running
from waiting import until

pytestmark = [needs("nginx"), pytest.mark.timeout(60)]


async def test_what_was_announced_is_in_nginx_before_anybody_asks_and_nobody_was_counted(
    site: Site, running: Running, origin: PretendOrigin
) -> None:
    node = await site.start_node(running)
    node.prewarm.announcements.order({"path": PLAYLIST})
    await until(lambda: backend(node)._warmer.warmed == 1)
    assert node.prewarm.counters.fetched == 2
    answer = await site.get(SEGMENT)
    assert (answer.body, answer.headers["Cache-Status"].partition(";")[2].strip()[:3]) == (b"media", "hit")
    assert origin.counts[SEGMENT] == 1
    await until(lambda: node.traffic.requests_total == 1)
    assert backend(node)._log.statuses["HIT"] == 1
    await until(lambda: node.prewarm.counters.used == 1)
