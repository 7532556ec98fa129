"""Where a viewer is: what he says himself, else what a trusted proxy says, else where the table has his address."""

import asyncio
import logging
import pathlib
import re

from aiohttp import web

from edge.config import RoutingConfig
from edge.decide.places import FILE_MAX_BYTES, PrefixTable, networks_of, read_places
from edge.decide.routing import NOWHERE, Place
from edge.model import ConfigError
from edge.nginx.names import VIEWER

log = logging.getLogger("edge")

LOOK_EVERY_S = 2.0
HOPS_MAX = 16  # proxies that a request passed, as far as they are looked at
_FIELD = "routing.places_file"
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,63}")  # surrogates: bytes that are no UTF-8
_FOR = re.compile(r"""\bfor\s*=\s*(?:"([^"]+)"|([^;,\s]+))""", re.IGNORECASE)
_PORT = re.compile(
    r"^(\d+\.\d+\.\d+\.\d+|\[[^\]]+\]):[\w.-]+$", re.ASCII
)  # the port may be a word (RFC 7239 §6.3)


class PlacesFile:
    """The table of places; read again when its file changes. One that cannot be used changes nothing.

    Args:
        name: of the file; empty: there is none, and the table is empty.

    Raises:
        ConfigError: it cannot be read.
    """

    def __init__(self, name: str) -> None:
        self._path = pathlib.Path(name) if name else None
        self.table = PrefixTable[Place]()
        self.reloads = 0
        self.failures = 0  # changed files that could not be used
        self._stamp: tuple[int, ...] = ()
        if self._path:
            self._stamp = _stamp(self._path)
            self.table = _read(self._path)

    async def run(self) -> None:
        """Look for changes until cancelled; a large table is read beside the event loop."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self._path and (stamp := _stamp(self._path)) != self._stamp:
                self._stamp = stamp
                try:
                    self.table = await asyncio.to_thread(_read, self._path)
                except ConfigError as error:
                    self.failures += 1
                    log.warning("the places read before go on: %s", error)
                else:
                    self.reloads += 1
                    log.info("%s read again: %d networks", self._path, len(self.table))


class Locator:
    """Finds a viewer's place.

    Args:
        config: which fields to believe, of whom, and the table's file.

    Raises:
        ConfigError: the file cannot be used, or a trusted proxy is no network.
    """

    def __init__(self, config: RoutingConfig) -> None:
        self.behind_nginx = False  # whether all requests come through the nginx beside this node
        self.places = PlacesFile(config.places_file)
        self._trusted = networks_of(config.trusted_proxies, "routing.trusted_proxies")
        self._fields = (config.zone_header, config.region_header, config.isp_header)
        self._written = config.address_header
        self._named = any(self._fields)

    def place(self, request: web.BaseRequest, said: Place = NOWHERE) -> Place:
        """Where the viewer is. Zone and region come from the first that knows either, the provider from the first too.

        Args:
            request: the viewer's.
            said: what the request itself says.
        """
        found = said
        if found.zone and found.isp:
            return found
        if self._named and self._trusts(self._sender(request)):
            found = _joined(found, Place(*(_name(request, field) for field in self._fields)))
        return self.at(self.address(request), found) if self.places.table else found

    def at(self, address: str, said: Place = NOWHERE) -> Place:
        """Where an address is by the table, as far as it has not been said."""
        return _joined(said, self.places.table.find(address) or NOWHERE)

    def address(self, request: web.BaseRequest) -> str:
        """The viewer's address: the last one that no trusted proxy has."""
        sender = self._sender(request)
        if not self._trusts(sender):
            return sender
        for one in reversed(self._forwarded(request)):
            sender = one
            if not self._trusts(one):
                break
        return sender

    def _sender(self, request: web.BaseRequest) -> str:
        """Who sent the request to this node, or to its nginx."""
        if self.behind_nginx:
            return request.headers.get(VIEWER, "")
        return request.remote or ""

    def _forwarded(self, request: web.BaseRequest) -> list[str]:
        """Addresses that proxies wrote down, first sender first.

        Only one field is read: a proxy that writes X-Forwarded-For lets a viewer's own Forwarded pass.
        """
        told = ",".join(request.headers.getall(self._written, []))
        if self._written == "Forwarded":
            found = [quoted or plain for quoted, plain in _FOR.findall(told)]
        else:
            found = [one.strip() for one in told.split(",") if one.strip()]
        return [_bare(one) for one in found[-HOPS_MAX:]]

    def _trusts(self, address: str) -> bool:
        return bool(self._trusted) and self._trusted.find(address) is not None


def _joined(first: Place, second: Place) -> Place:
    zone, region = first[:2] if first.zone or first.region else second[:2]
    return Place(zone, region, first.isp or second.isp)


def _name(request: web.BaseRequest, field: str) -> str:
    """A name in a field; what is none says nothing."""
    value = request.headers.get(field, "").strip() if field else ""
    return value if _NAME.fullmatch(value) else ""


def _bare(address: str) -> str:
    """Without a port and brackets."""
    if match := _PORT.match(address):
        address = match.group(1)
    return address.strip("[]")


def _read(path: pathlib.Path) -> PrefixTable[Place]:
    try:
        with path.open("rb") as file:
            raw = file.read(FILE_MAX_BYTES + 1)
        text = raw.decode()
    except OSError as error:
        raise ConfigError(
            _FIELD, f"{path} cannot be read: {error.strerror}", "name a readable file"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(_FIELD, f"{path} is no UTF-8 text", "name a table of networks and places") from None
    if len(raw) > FILE_MAX_BYTES:
        raise ConfigError(_FIELD, f"{path} has more than {FILE_MAX_BYTES} B", "join networks that are alike")
    return read_places(text, str(path))


def _stamp(path: pathlib.Path) -> tuple[int, ...]:
    try:
        found = path.stat()
    except OSError:
        return ()
    return (found.st_mtime_ns, found.st_ino, found.st_size)
