"""Multivariant playlists that name several nodes and who steers between them (RFC 8216bis §4.4.6.6, §7).

Each variant and rendition is there once for each node, with an absolute URI, and once as the origin wrote it: in the
pathway "." of those that name none. That one leads wherever the playlist came from, and is the last to fall back on.

Of a node that is not named here players make a clone when they are told of it. They put its host into the URIs of
another pathway, but neither its port nor its scheme. So there is one more pathway for each port and scheme, with a name
that whoever steers knows.

Lines are rewritten one by one, so that tags unknown here stay. What cannot be understood is served as it is.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

REASON = "Edge-Steering"  # the field that says why nodes are in this order; what has it is for one viewer
BASE = "."  # the pathway of what names none
BODY_MAX_BYTES = 256 * 1024  # a longer one is served as it is
_ATTRIBUTE = re.compile(r'\s*([A-Z0-9-]+)=("[^"]*"|[^",\s]+)\s*(?:,|$)')
_VARIANT = "#EXT-X-STREAM-INF"
_TRICK = "#EXT-X-I-FRAME-STREAM-INF"
_RENDITION = "#EXT-X-MEDIA"
_STEERING = "#EXT-X-CONTENT-STEERING"
_GROUPS = ("AUDIO", "VIDEO", "SUBTITLES")  # closed captions are in the video, so they have no address
_FOREIGN = ("#EXT-X-DEFINE", _STEERING)  # variables may stand in URIs; whoever steers already, goes on to


class Way(NamedTuple):
    """A node that can be asked."""

    ident: str  # of the pathway
    url: str  # without a trailing slash


class Steered(NamedTuple):
    """What a playlist is to say of steering."""

    server: str  # URI of the steering manifest
    ways: tuple[Way, ...]  # the best first
    bases: tuple[Way, ...] = ()  # to make clones of (`base_of`)


def base_of(url: str) -> str:
    """The pathway of which a node at `url` can be a clone; empty where none can be, for its address has a path."""
    parts = urlsplit(url)
    if parts.path.strip("/") or not parts.hostname:
        return ""
    return f"{parts.scheme}-{parts.port or {'http': 80, 'https': 443}.get(parts.scheme, 0)}"


class _CannotError(ValueError):
    """The playlist is not one that can be rewritten."""


class _Attributes(dict[str, str]):
    """Attributes of a tag, in order, as they are written."""

    @classmethod
    def read(cls, text: str) -> "_Attributes":
        found, at = cls(), 0
        while at < len(text):
            if not (match := _ATTRIBUTE.match(text, at)):
                raise _CannotError(text)
            found[match[1]] = match[2]
            at = match.end()
        return found

    def quoted(self, name: str) -> str:
        return self.get(name, "").strip('"')

    def with_(self, **changed: str) -> "_Attributes":
        return _Attributes({**self, **{name: f'"{value}"' for name, value in changed.items()}})

    def __str__(self) -> str:
        return ",".join(f"{name}={value}" for name, value in self.items())


class _Entry(NamedTuple):
    """One line that is there once for each pathway, with the URI after it, if it is a variant."""

    tag: str
    attributes: _Attributes
    uri: str = ""

    def lines(self, way: Way | None, base: str) -> Iterator[str]:
        """It for one pathway, or as it was."""
        if way is None:
            yield f"{self.tag}:{self.attributes}"
            if self.uri:
                yield self.uri
            return
        mine = self.attributes
        if self.tag == _RENDITION:
            mine = mine.with_(**{"GROUP-ID": _group(mine.quoted("GROUP-ID"), way)})
        else:
            groups = {name: _group(mine.quoted(name), way) for name in _GROUPS if name in mine}
            mine = mine.with_(**groups, **{"PATHWAY-ID": way.ident})
        if "URI" in mine:
            mine = mine.with_(URI=urljoin(way.url + base, mine.quoted("URI")))
        yield f"{self.tag}:{mine}"
        if self.uri:
            yield urljoin(way.url + base, self.uri)


def steered_hls(body: bytes, path: str, to: Steered) -> bytes | None:
    """A multivariant playlist with pathways; None for any other, and for one that leads to other hosts by itself.

    Args:
        body: the playlist.
        path: raw, under which it is found on every node.
        to: what it is to say.
    """
    if len(body) > BODY_MAX_BYTES or not body.startswith(b"#EXTM3U") or _VARIANT.encode() not in body:
        return None
    try:
        head, entries, tail = _parts(body.decode())
    except (_CannotError, UnicodeDecodeError):
        return None
    tag = f'{_STEERING}:SERVER-URI="{to.server}",PATHWAY-ID="{to.ways[0].ident if to.ways else BASE}"'
    lines = [head[0], tag, *head[1:]]
    for way in (*to.ways, *to.bases, None):
        for entry in entries:
            lines += entry.lines(way, path)
    return "\n".join([*lines, *tail, ""]).encode()


def _parts(text: str) -> tuple[list[str], list[_Entry], list[str]]:
    """The lines before, the entries, and the lines that are there once whatever the pathway."""
    head: list[str] = []
    entries: list[_Entry] = []
    once: list[str] = []
    lines = iter(text.splitlines())
    for line in lines:
        tag, _, rest = line.partition(":")
        if tag in _FOREIGN:
            raise _CannotError(line)
        if tag == _VARIANT:
            attributes = _checked(_Attributes.read(rest))
            uri = next((one.strip() for one in lines if one.strip() and not one.startswith("#")), "")
            entries.append(_Entry(tag, attributes, _relative(uri)))
        elif tag == _TRICK or (tag == _RENDITION and "TYPE=CLOSED-CAPTIONS" not in rest):
            attributes = _checked(_Attributes.read(rest))
            if "URI" in attributes:
                _relative(attributes.quoted("URI"))
            entries.append(_Entry(tag, attributes))
        elif entries:
            once.append(line)
        else:
            head.append(line)
    return head, entries, once


def _checked(attributes: _Attributes) -> _Attributes:
    if "PATHWAY-ID" in attributes:
        raise _CannotError(str(attributes))
    return attributes


def _relative(uri: str) -> str:
    """A URI that is found on every node.

    Raises:
        _CannotError: it is none, or has a host.
    """
    try:
        parts = urlsplit(uri)
    except ValueError:
        raise _CannotError(uri) from None
    if not uri or parts.scheme or parts.netloc:
        raise _CannotError(uri)
    return uri


def _group(name: str, way: Way) -> str:
    return f"{name}~{way.ident}"
