"""What each level of degradation means, as values that cache, routing and admission act on (PROTOCOL, Monsoon mode).

A level includes those below it.
"""

from dataclasses import dataclass

from edge.config import MonsoonConfig

LAST_RESORT = 4  # level at which a node serves little but what it holds
SAFE_LOAD = 0.9  # from level 3 on no new viewers come to a node that carries this share of its capacity
_TTL_FACTOR = 4.0  # media never changes; what else is cached may be this much older
_POPULAR_FACTOR = 4.0
_RETRY_AFTER_S = 5  # a crowd that is refused should not come back at once

REFUSALS = {
    "recorded": "only what is live is served at the moment",
    "session": "this node takes no new viewers at the moment",
    "uncached": "only what is cached is served at the moment",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What to do; the defaults are those of a good day."""

    level: int = 0
    cap_kbps: int | None = None  # players should stay below it (CMSD `mb`); playlists leave out what is above
    wide_prefetch: bool = False  # fetch more of what other nodes of the zone or island find hot
    stale_s: float = 0.0  # what is over may be served this long, if the origin gives nothing and allows it
    ttl_factor: float = 1.0  # what is no playlist counts as fresh this much longer
    retain_popular: bool = False  # keep popular segments though they have left the playlist
    popular_factor: float = 1.0  # and they count as fresh this much longer still
    cross_zone_fills: bool = True  # False: not what a peer of the own zone or island can give
    backup_channel: bool = False  # urgent messages take the second path too
    shed_recorded: bool = False  # 503 for DVR and VOD
    session_load_max: float | None = None  # 503 for new viewers from this load on
    cached_only: bool = False  # 503 for all but live playlists and live segments that are cached
    retry_after_s: int = 0  # of these 503

    @property
    def admits_all(self) -> bool:
        """Whether no request is refused."""
        return not (self.shed_recorded or self.cached_only) and self.session_load_max is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request, as admission needs it."""

    playlist: bool
    live: bool  # not known to be DVR or VOD
    cached: bool
    known: bool  # whether the viewer is one of those who are watching
    load: float  # viewers over capacity of this node
    let_in: bool = False  # whether admission by multivariant playlists has decided of him, or is about to


def measures_of(level: int, config: MonsoonConfig) -> Measures:
    """What `level`, 0 to 4, means."""
    if level <= 0:
        return Measures()
    strict = level >= 2
    return Measures(
        level=level,
        cap_kbps=config.ladder_kbps if level <= 2 else config.ladder_kbps // 2,
        wide_prefetch=True,
        stale_s=config.stale_s if strict else 0.0,
        ttl_factor=_TTL_FACTOR if strict else 1.0,
        retain_popular=strict,
        popular_factor=_POPULAR_FACTOR if strict else 1.0,
        cross_zone_fills=not strict,
        backup_channel=strict,
        shed_recorded=level >= 3,
        session_load_max=SAFE_LOAD if level >= 3 else None,
        cached_only=level >= 4,
        retry_after_s=_RETRY_AFTER_S * (level - 2) if level >= 3 else 0,
    )


def refusal(measures: Measures, asked: Asked) -> str:
    """Why a request is not answered, a key of `REFUSALS`; empty where it is."""
    if measures.shed_recorded and not asked.live:
        return "recorded"
    starts = asked.playlist and not (asked.known or asked.let_in)  # as has whoever asks for a segment
    if measures.session_load_max is not None and starts and asked.load >= measures.session_load_max:
        return "session"
    if measures.cached_only and not (asked.playlist or asked.cached):
        return "uncached"
    return ""
