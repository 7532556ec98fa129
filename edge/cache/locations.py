"""MPDs that name several nodes and who steers between them (MPEG-DASH with ETSI TS 103 998).

The MPD is read by expat, which tells where its parts are; text is put in there and all else stays as it was. A document
type would let entities in and is refused. What cannot be understood is served as it is.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat
from xml.sax.saxutils import escape, quoteattr

from edge.cache.pathways import BASE, BODY_MAX_BYTES, Steered

_TAG = re.compile(rb"""<[^<>"']*(?:"[^"]*"[^<>"']*|'[^']*'[^<>"']*)*>""")
_DEEP = 64  # no MPD has more elements inside each other


class _CannotError(ValueError):
    """The MPD is not one that can be rewritten."""


@dataclass(slots=True)
class _Found:
    """Where the parts of an MPD are, bytes."""

    body: bytes
    prefix: str = ""  # of the namespace, with its colon
    root_end: int = 0
    live: bool = False
    location: bool = False  # it says where to ask for it again
    bases: list[tuple[int, int, str]] = field(default_factory=list)  # first and last byte, and address
    path: list[str] = field(default_factory=list)
    text: str = ""
    _begun: int = 0

    def start(self, parser: expat.XMLParserType, name: str, attributes: dict[str, str]) -> None:
        """An element begins."""
        self.path.append(name.rpartition(":")[2])
        at = parser.CurrentByteIndex
        if len(self.path) > _DEEP:
            raise _CannotError("deep")
        if len(self.path) == 1:
            if self.path != ["MPD"] or not (tag := _TAG.match(self.body, at)) or tag[0].endswith(b"/>"):
                raise _CannotError(name)
            self.prefix = name.removesuffix("MPD")
            self.root_end, self.live = tag.end(), attributes.get("type") == "dynamic"
        elif self.path[-1] == "ContentSteering":
            raise _CannotError(name)
        elif self.path[1:] == ["BaseURL"]:
            if "serviceLocation" in attributes:
                raise _CannotError(name)
            self._begun, self.text = at, ""
        self.location = self.location or self.path[1:] == ["Location"]

    def end(self, parser: expat.XMLParserType, _: str) -> None:
        """An element ends."""
        if self.path[1:] == ["BaseURL"]:
            last = self.body.find(b">", parser.CurrentByteIndex) + 1
            self.bases.append((self._begun, last, self.text.strip()))
        self.path.pop()

    def said(self, text: str) -> None:
        """Text in an element."""
        if self.path[1:] == ["BaseURL"]:
            self.text += text


def steered_mpd(body: bytes, path: str, to: Steered, again: str) -> bytes | None:
    """An MPD with service locations; None for what is none, and for one that leads to other hosts by itself.

    Args:
        body: the MPD.
        path: raw, under which it is found on every node.
        to: what it is to say.
        again: where a live one is to be asked for from now on, unless it says so itself.
    """
    if len(body) > BODY_MAX_BYTES or b"MPD" not in body:
        return None
    try:
        found = _read(body)
        bases = [_relative(address) for _, _, address in found.bases] or [""]
    except (_CannotError, expat.ExpatError):
        return None

    def element(name: str, text: str, **attributes: str) -> str:
        given = "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
        return f"<{found.prefix}{name}{given}>{escape(text)}</{found.prefix}{name}>"

    written = [
        element("BaseURL", urljoin(urljoin(way.url + path, "."), base), serviceLocation=way.ident)
        for way in (*to.ways, *to.bases)
        for base in bases
    ]
    written += [element("BaseURL", base or "./", serviceLocation=BASE) for base in bases]
    if found.live and not found.location:
        written.append(element("Location", again))
    first = to.ways[0].ident if to.ways else BASE
    written.append(
        element("ContentSteering", to.server, defaultServiceLocation=first, queryBeforeStart="true")
    )
    text = "".join(f"\n  {one}" for one in written).encode()
    return _spliced(found, text)


def _read(body: bytes) -> _Found:
    """Where the parts are.

    Raises:
        _CannotError: this is no MPD, or one with a document type or of another encoding than UTF-8.
        expat.ExpatError: it is no XML.
    """
    found = _Found(body)
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = lambda name, attributes: found.start(parser, name, attributes)
    parser.EndElementHandler = lambda name: found.end(parser, name)
    parser.CharacterDataHandler = found.said
    parser.XmlDeclHandler = _encoded
    parser.StartDoctypeDeclHandler = _refuse
    parser.Parse(body, True)
    return found


def _encoded(_version: str, encoding: str | None, _standalone: int) -> None:
    """What is put in is UTF-8, and so must be what is around it."""
    if encoding and encoding.lower() != "utf-8":
        raise _CannotError(encoding)


def _refuse(*_: object) -> None:
    raise _CannotError("doctype")


def _relative(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        raise _CannotError(address) from None
    if parts.scheme or parts.netloc:
        raise _CannotError(address)
    return address


def _spliced(found: _Found, text: bytes) -> bytes:
    """The MPD with new text after its first tag, and without the addresses that it replaces."""
    pieces, at = [found.body[: found.root_end], text], found.root_end
    for first, last, _ in found.bases:
        pieces.append(found.body[at:first])
        at = last
    return b"".join([*pieces, found.body[at:]])
