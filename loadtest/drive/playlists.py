"""What a viewer makes of playlists: rungs and languages by pathway, and the segments of a track."""

import functools
from collections.abc import Iterable
from typing import Any, NamedTuple

import m3u8
from yarl import URL

from edge.demo.player import Stumble, join

HERE = "."  # the pathway of what names none
TARGET_MIN_S, TARGET_MAX_S = 0.5, 30.0  # nothing that a playlist says makes a viewer hurry more
_SEGMENTS_MAX = 10_000


class Variant(NamedTuple):
    """One rung."""

    kbps: float
    url: str
    audio: str = ""  # group; empty if sound is in the video


class Pathway(NamedTuple):
    """One way to all rungs and languages."""

    variants: tuple[Variant, ...]  # lowest first
    audios: dict[str, tuple[str, ...]]  # addresses by group

    def audio(self, rung: int, language: int) -> str | None:
        """The address of a language's playlist, languages counted round and round; None without any."""
        urls = self.audios.get(self.variants[rung].audio, ())
        return urls[language % len(urls)] if urls else None


class Main(NamedTuple):
    """A multivariant playlist."""

    pathways: dict[str, Pathway]
    first: str  # pathway to begin with
    steering: str = ""  # address of who steers


class Segment(NamedTuple):
    """One segment, and what must be there before it."""

    number: int
    uri: str
    seconds: float
    init: str  # URI; empty if nothing must be


class Media(NamedTuple):
    """A media playlist."""

    segments: tuple[Segment, ...]
    target_s: float


@functools.lru_cache(maxsize=512)
def main(body: bytes, url: str) -> Main:
    """A multivariant playlist found at an address; a media playlist counts as its only rung.

    Raises:
        Stumble: it is none.
    """
    playlist = _load(body)
    if playlist.segments and not playlist.playlists:
        return Main({HERE: Pathway((Variant(0.0, url),), {})}, HERE)
    variants: dict[str, list[Variant]] = {}
    for one in playlist.playlists:
        info = one.stream_info
        if one.uri:
            found = Variant((info.bandwidth or 0) / 1000, join(url, one.uri), info.audio or "")
            variants.setdefault(info.pathway_id or HERE, []).append(found)
    if not variants:
        raise Stumble("bad playlist")
    audios: dict[str, tuple[str, ...]] = {}
    for each in playlist.media:
        if each.type == "AUDIO" and each.uri and each.group_id:
            audios[each.group_id] = (*audios.get(each.group_id, ()), join(url, each.uri))
    pathways = {name: Pathway(tuple(sorted(some)), audios) for name, some in variants.items()}
    steering: Any = playlist.content_steering  # the stubs know neither that it may be absent nor its kinds
    if not steering:
        return Main(pathways, next(iter(pathways)))
    first = steering.pathway_id if steering.pathway_id in pathways else next(iter(pathways))
    return Main(pathways, first, join(url, steering.uri))


@functools.lru_cache(maxsize=1024)
def media(body: bytes) -> Media:
    """A media playlist; parsed once for all viewers that got the same, of whatever node.

    Raises:
        Stumble: it is none, or holds no segment.
    """
    playlist = _load(body)
    first, found = playlist.media_sequence or 0, []
    for number, one in enumerate(playlist.segments, first):
        if not one.uri:
            raise Stumble("bad playlist")
        init = one.init_section.uri if one.init_section else ""
        found.append(Segment(number, one.uri, float(one.duration or 0.0), init or ""))
    if not 0 < len(found) <= _SEGMENTS_MAX:
        raise Stumble("bad playlist")
    target_s = min(max(float(playlist.target_duration or 2.0), TARGET_MIN_S), TARGET_MAX_S)
    return Media(tuple(found), target_s)


def cloned(pathways: dict[str, Pathway], orders: Iterable[Any]) -> dict[str, Pathway]:
    """Pathways, and those that `PATHWAY-CLONES` of a steering manifest make of them (RFC 8216bis §7.2).

    Raises:
        Stumble: the orders are none.
    """
    found = dict(pathways)
    try:
        for one in orders:
            base, replaced = found.get(one["BASE-ID"]), one["URI-REPLACEMENT"]
            if base is None:
                continue
            host, params = replaced.get("HOST"), replaced.get("PARAMS") or {}
            variants = tuple(each._replace(url=_moved(each.url, host, params)) for each in base.variants)
            groups = dict.fromkeys(each.audio for each in variants)
            audios = {
                group: tuple(_moved(url, host, params) for url in base.audios.get(group, ()))
                for group in groups
            }
            found[one["ID"]] = Pathway(variants, audios)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Stumble("bad steering") from None
    return found


def _moved(url: str, host: str | None, params: dict[str, str]) -> str:
    """An address at another host, at the port that it had."""
    to = URL(url, encoded=True)
    return str((to.with_host(host) if host else to).update_query(params))


def _load(body: bytes) -> m3u8.M3U8:
    if not body.startswith(b"#EXTM3U"):
        raise Stumble("bad playlist")
    try:
        return m3u8.loads(body.decode())
    except Exception:  # m3u8 raises whatever its parsing stumbles over: ValueError, IndexError, KeyError …
        raise Stumble("bad playlist") from None
