"""Metrics of the cache and of what serves its hits; every name that is counted has its meaning here."""

from collections.abc import Iterator
from dataclasses import fields

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from edge.cache.backend import Backend, Figures
from edge.cache.cache import EdgeCache
from edge.cache.counters import CacheCounters
from edge.cache.tiers import Tier
from edge.shell.histograms import family_of

_CACHE_HELP = {
    "requests": "Requests that the cache of this process was asked, those of other nodes included.",
    "hits": "Of the requests, those answered from what was stored and fresh.",
    "misses": "Of the requests, those for which something had to be fetched.",
    "collapsed": "Requests that waited for a fill that another one began.",
    "revalidated": "Fills that the origin answered with 304.",
    "stale_served": "Requests answered with a copy past its lifetime.",
    "not_stored": "Answers that were handed on and not kept.",
    "refused": "Bad requests.",
    "served_bytes": "Bytes of bodies handed to viewers.",
    "fills": "Fetches from the origin or from another node.",
    "filled_bytes": "Bytes of bodies fetched.",
    "streamed": "Of the fills, bodies that were handed on while they came.",
    "resumed": "Of the streamed fills, those that broke off and went on where they had ended.",
    "prefetched": "Of the fills, newest segments of live playlists before a viewer asked.",
    "held": "Of the fills, those for what the origin did not have yet and that waited for it.",
    "held_in_vain": "Of the held fills, those for what did not come in time.",
    "peer_fills": "Of the fills, those that other nodes answered.",
    "peer_requests": "Requests of other nodes answered here; they count as requests too.",
    "fills_overtaken": "Fills that a later purge overtook; those who waited got the answer.",
    "purges": "Purges carried out.",
    "purged_objects": "Objects that purges removed or marked stale.",
    "tags_ignored": "Tags of objects that were malformed, too long or too many.",
    "disk_hits": "Of the hits, those answered from the disk.",
    "disk_restored": "Objects found on the disk at start.",
    "disk_junk": "Foreign files found at start; they are left alone.",
    "disk_written": "Objects written to the disk.",
    "disk_written_bytes": "Bytes of bodies written to the disk.",
    "disk_skipped": "Objects kept in memory only, by reason.",
    "disk_errors": "Failures of the disk, by reason.",
    "peer_errors": "Other nodes that gave nothing, by reason; others were asked instead.",
    "fill_errors": "Fills that failed or were refused, by reason.",
}
_COUNTED = [one.name for one in fields(CacheCounters) if one.name != "fill_s"]
_BACKEND_HELP = {
    "cache_disk_full": "1 while nothing more is stored in cache.disk_path.",
    "nginx_answers_passed": "Answers that nginx was told not to store, by reason.",
    "nginx_answers_stored": "Answers that nginx was told to store.",
    "nginx_connections": "Open connections of nginx, as stub_status tells.",
    "nginx_disk_full": "1 while nginx stores nothing more: its volume is nearly full.",
    "nginx_halves_removed": "Files of answers that a killed nginx had not received to their end.",
    "nginx_landings_lost": "Stored answers forgotten before their file was seen.",
    "nginx_log_junk": "Lines of the access log that could not be read.",
    "nginx_log_lines": "Lines of the access log that were read.",
    "nginx_log_skipped_bytes": "Bytes of the access log that were skipped for want of time.",
    "nginx_purge_errors": "Files that resisted a purge at first.",
    "nginx_purged_files": "Files that purges removed or marked stale.",
    "nginx_served": "Requests that nginx answered, by what its cache did.",
    "nginx_steering_purges": "Steering manifests removed from nginx's cache because an order changed.",
    "nginx_steering_stored": "Steering manifests that nginx was told to keep.",
    "nginx_up": "1 while nginx answers.",
    "nginx_warm_errors": "Newest segments that nginx could not be made to fetch.",
    "nginx_warmed": "Newest segments that nginx was made to fetch.",
}


def of_cache(cache: EdgeCache, backend: Backend) -> Iterator[Metric]:
    """All of one node's."""
    yield family_of(
        "edge_cache_fill_seconds",
        "How long fills took to their last byte, by who gave it: origin or peer; waited: for what was to come soon.",
        "outcome",
        cache.counters.fill_s,
    )
    for name in _COUNTED:
        value = getattr(cache.counters, name)
        if isinstance(value, dict):
            yield _by_reason(f"edge_cache_{name}", _CACHE_HELP[name], value)
        else:
            yield CounterMetricFamily(f"edge_cache_{name}", _CACHE_HELP[name], value=value)
    yield GaugeMetricFamily(
        "edge_cache_stored_bytes", "Bytes of bodies stored in memory.", value=cache.stored_bytes
    )
    yield GaugeMetricFamily(
        "edge_cache_stored_objects", "Objects stored in memory.", value=cache.stored_objects
    )
    yield from _of_backend(backend.figures())


def _of_backend(figures: Figures) -> Iterator[Metric]:
    yield from _of_tiers(figures.tiers)
    for name, total in figures.totals.items():
        yield CounterMetricFamily(f"edge_{name}", _BACKEND_HELP[name], value=total)
    for name, value in figures.gauges.items():
        yield GaugeMetricFamily(f"edge_{name}", _BACKEND_HELP[name], value=value)
    for name, counts in figures.reasons.items():
        yield _by_reason(f"edge_{name}", _BACKEND_HELP[name], counts)


def _by_reason(name: str, text: str, counts: dict[str, int]) -> Metric:
    family = CounterMetricFamily(name, text, labels=["reason"])
    for reason, count in counts.items():
        family.add_metric([reason], count)
    return family


def _of_tiers(tiers: list[Tier]) -> Iterator[Metric]:
    size = GaugeMetricFamily("edge_cache_tier_bytes", "Bytes that a tier holds.", labels=["tier"])
    bound = GaugeMetricFamily("edge_cache_tier_max_bytes", "Bytes that a tier may hold.", labels=["tier"])
    objects = GaugeMetricFamily("edge_cache_tier_objects", "Objects that a tier holds.", labels=["tier"])
    evicted = CounterMetricFamily(
        "edge_cache_tier_evictions", "Objects that had to leave a tier for others.", labels=["tier"]
    )
    for tier in tiers:
        size.add_metric([tier.name], tier.size_bytes)
        bound.add_metric([tier.name], tier.bytes_max)
        objects.add_metric([tier.name], tier.objects)
        evicted.add_metric([tier.name], tier.evictions)
    yield from (size, bound, objects, evicted)
