from edge.cache.backend import Figures
from edge.cache.counters import CacheCounters
from edge.shell.viewjson import served_json


def test_hits_are_of_what_serves_viewers() -> None:
    counters = CacheCounters(requests=10, hits=6, stale_served=1)
    assert served_json(counters, Figures([])) == {"requests": 10, "hits": 7}
    behind_nginx = Figures([], reasons={"nginx_served": {"HIT": 90, "STALE": 2, "MISS": 6, "EXPIRED": 2}})
    assert served_json(counters, behind_nginx) == {"requests": 100, "hits": 92}
