"""Who has a token for what he asks for, and who has not: at this port, and for the nginx in front of it.

A token is checked once, and what came of that is kept until it ends; so that a viewer costs a signature once, and a hit
a look into a table. Playlists name their segments without the token: whoever brings it in a playlist's query gets it
back as a cookie for what lies beside that.
"""

import asyncio
import logging
import pathlib
import re
import time
from collections.abc import Callable

from aiohttp import web

from edge.cache.keys import BadTargetError, normal_path
from edge.cache.lifetime import Kind, kind_of
from edge.cache.respond import CORS
from edge.config import PACKAGE, SigningConfig
from edge.model import ConfigError
from edge.nginx.answers import NO_STORE, kept_until
from edge.nginx.names import is_plain
from edge.nginx.signed import AGREED_S, ATTRIBUTES, REFUSAL, TOKEN, URI
from edge.shell.signing.keys import Key, read_keys
from edge.shell.signing.token import REASONS, Grant, TokenError, verified

log = logging.getLogger(__name__)

LOOK_EVERY_S = 2.0
HELD_MAX = 65_536  # tokens that count
BAD_MAX = 4096  # others
_WORTH_MAX = 1024  # characters; a longer one that does not count is not worth its room
_GIVEN = f"{PACKAGE}="
_QUERY = re.compile(rf"(?:^|&){PACKAGE}=([^&]*)")
_OF_PLAYERS = re.compile(r"(?:^|&)(?:CMCD|_HLS_\w+|_DASH_\w+)=[^&]*")
_FOLDER = re.compile(r"/[A-Za-z0-9/._~!$&'()*+:@%=-]*")  # as a cookie may name it


class Guard:
    """Checks tokens of one node.

    Args:
        config: what needs one, and whose count.
        secure: whether viewers come by TLS.
        wall: seconds since 1970.

    Raises:
        ConfigError: the file of keys cannot be used.
    """

    def __init__(
        self, config: SigningConfig, secure: bool = False, wall: Callable[[], float] = time.time
    ) -> None:
        self._config = config
        self._prefixes = config.required_prefixes
        self._scheme = "https" if secure else "http"
        self._secure = secure or config.authority.startswith("https:")
        self._wall = wall
        self._held: dict[str, Grant] = {}  # by token: what it is good for
        self._bad: dict[str, str] = {}  # by token: why it does not count
        self._keys: tuple[Key, ...] = read_keys(config.keys_file) if config.enabled else ()
        self._stamp = _stamp(config.keys_file)
        self.nobody = ""  # the User-Agent of this node's own requests to nginx; they need no token
        self.refused = dict.fromkeys(REASONS, 0)
        self.verified = 0  # tokens whose signature was checked
        self.reloads = 0
        self.failures = 0  # new files that could not be used

    @property
    def on(self) -> bool:
        """Whether anything needs a token."""
        return bool(self._prefixes)

    @property
    def keys(self) -> int:
        """How many there are."""
        return len(self._keys)

    async def run(self) -> None:
        """Look for a changed file of keys until cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            if self.on:
                await asyncio.to_thread(self.look)

    def look(self) -> None:
        """Read the keys if their file has changed; what was read before goes on where it cannot be used."""
        stamp = _stamp(self._config.keys_file)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._keys = read_keys(self._config.keys_file)
        except ConfigError as error:
            self.failures += 1
            log.warning("what was read before goes on: %s", error)
        else:
            self.reloads += 1
            self._held, self._bad = {}, {}
            log.info("read again: %s, %d keys", self._config.keys_file, len(self._keys))

    def refusal(self, request: web.BaseRequest, path: str) -> web.Response | None:
        """The answer to one who has no token for a raw path; None where he has, or needs none."""
        if not path.startswith(self._prefixes) and ("%" not in path or not self._needed(path)):
            return None
        if request.method not in ("GET", "HEAD"):
            return None
        query = request.rel_url.raw_query_string
        try:
            self._judge(_token_of(query, request), self._authority(request) + path, query)
        except TokenError as error:
            return self._refused(error)
        return None

    def mark(self, request: web.BaseRequest, path: str, response: web.StreamResponse) -> None:
        """Give a token that came with a playlist's query back as a cookie; the request has passed."""
        query = request.rel_url.raw_query_string
        if response.status != 200 or PACKAGE not in query or kind_of(path) is not Kind.PLAYLIST:
            return
        token = _given(query, "&")
        grant = self._held.get(token)
        if grant and (attributes := self._attributes(path, grant)):
            response.headers["Set-Cookie"] = f"{PACKAGE}={token}; {attributes}"

    def authorize(self, request: web.BaseRequest) -> web.Response:
        """The answer to nginx, which keeps it for a folder if the token is good for all of that."""
        if self.nobody and request.headers.get("User-Agent") == self.nobody:
            return web.Response(headers=NO_STORE)
        path, _, query = request.headers.get(URI, "").partition("?")
        authority, now = self._authority(request), self._wall()
        try:
            if not path.startswith("/"):
                raise TokenError("uri")
            grant = self._judge(request.headers.get(TOKEN, ""), authority + path, query)
        except TokenError as error:
            response = self._refused(error)
            response.headers.update({REFUSAL: error.reason, **NO_STORE})
            return response
        headers, folder = dict(NO_STORE), path[: path.rfind("/") + 1]
        ttl_s = min(AGREED_S, grant.ends - now)
        if ttl_s >= 2 and is_plain(path) and grant.container.covers(authority + folder):
            headers["X-Accel-Expires"] = f"@{kept_until(ttl_s, now)}"
        if attributes := self._attributes(path, grant):
            headers[ATTRIBUTES] = attributes
        return web.Response(headers=headers)

    def _needed(self, path: str) -> bool:
        """Whether a path with escapes does, in its normal form."""
        try:
            return normal_path(path).startswith(self._prefixes)
        except BadTargetError:  # the cache will say so
            return False

    def _authority(self, request: web.BaseRequest) -> str:
        return self._config.authority or f"{self._scheme}://{request.headers.get('Host', '')}"

    def _judge(self, token: str, uri: str, query: str) -> Grant:
        """What a token is good for, the URI among it.

        Raises:
            TokenError: it does not count, or not now, or not for this URI.
        """
        held = self._held.get(token) or self._read(token)
        now = self._wall()
        if now >= held.ends:
            raise TokenError("expired")
        if now < held.begins:
            raise TokenError("early")
        if not held.container.allows(uri):
            rest = _OF_PLAYERS.sub("", _QUERY.sub("", query)).lstrip("&")
            if not rest or not held.container.allows(f"{uri}?{rest}"):
                raise TokenError("uri")
        return held

    def _read(self, token: str) -> Grant:
        """Check a token that is not known to count.

        Raises:
            TokenError: it does not.
        """
        if not token:
            raise TokenError("missing")
        if reason := self._bad.get(token):
            raise TokenError(reason)
        self.verified += 1
        try:
            found = verified(token, self._keys, self._config)
        except TokenError as error:
            if len(self._bad) >= BAD_MAX:
                self._bad.clear()
            if len(token) <= _WORTH_MAX:
                self._bad[token] = error.reason
            raise
        if len(self._held) >= HELD_MAX:
            self._make_room()
        self._held[token] = found
        return found

    def _make_room(self) -> None:
        """What has ended goes, and where that is not enough, the oldest eighth."""
        now = self._wall()
        held = [(token, one) for token, one in self._held.items() if one.ends > now]
        self._held = dict(held[max(0, len(held) - HELD_MAX * 7 // 8) :])

    def _attributes(self, path: str, grant: Grant) -> str:
        """Of the cookie for what lies beside `path`; empty where there can be none."""
        folder = path[: path.rfind("/") + 1]
        if not _FOLDER.fullmatch(folder):
            return ""
        age_s = min(int(grant.exp - self._wall()), 86_400 * 365)
        site = "; Secure; SameSite=None" if self._secure else "; SameSite=Lax"
        return f"Path={folder}; Max-Age={age_s}; HttpOnly{site}" if age_s > 0 else ""

    def _refused(self, error: TokenError) -> web.Response:
        self.refused[error.reason] += 1
        headers = {**CORS, "Cache-Control": "no-store"}
        return web.Response(status=403, text=f"signed URL: {error.reason}: it {error}\n", headers=headers)


def _token_of(query: str, request: web.BaseRequest) -> str:
    """The token of a request: its query's, else its cookie's; empty where it has none."""
    if token := _given(query, "&"):
        return token
    cookie = request.headers.get("Cookie")
    return _given(cookie, ";").strip('"') if cookie else ""


def _given(text: str, between: str) -> str:
    """The token in a query or a cookie field; regular expressions would take most of a hit's time."""
    at = text.find(_GIVEN)
    while at > 0 and text[at - 1] not in (between, " "):
        at = text.find(_GIVEN, at + 1)
    if at < 0:
        return ""
    end = text.find(between, at)
    return text[at + len(_GIVEN) : end if end >= 0 else None]


def _stamp(name: str) -> tuple[int, int, int]:
    """What of a file changes when it does."""
    try:
        found = pathlib.Path(name).stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_mtime_ns, found.st_ino, found.st_size)
