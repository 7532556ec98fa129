"""Bulk sync over HTTP: carries the exchanges that the core decides on, and answers those of others.

    GET /v1/sync
    Authorization: Gossip <base64url of a sealed frame>

200: frames, each after its length in four bytes; the end of the body is the end of the answer. 401: the frame is none
of this cluster, or was used before. 421: it is meant for another process. 503: busy; the body may be a frame that names
members to ask instead. The key ring is all that nodes share: no admin token goes from node to node.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable

import aiohttp
from aiohttp import web

from edge.cache.upstream import PeerTls
from edge.gossip import GossipNode
from edge.gossip.bulk import IDLE_S, TIMEOUT_S, Fetching
from edge.gossip.serving import RETRY_AFTER_S, Answer, Verdict
from edge.wire.bulk import FRAME_MAX_BYTES, LENGTH
from edge.wire.frame import DATAGRAM_MAX_BYTES

log = logging.getLogger(__name__)

_SCHEME = "Gossip "
_RETRY_MAX_S = 60.0
_OCTETS = {"Content-Type": "application/octet-stream"}

Now = Callable[[], float]


class BulkClient:
    """Fetches what the core wants fetched, one peer at a time.

    Args:
        node: the gossip core.
        now: its monotonic clock.
        pump: passes on what each frame has changed.
        tls: how peers' admin ports are verified where they speak TLS.
    """

    def __init__(
        self, node: GossipNode, now: Now, pump: Callable[[], None], tls: PeerTls | None = None
    ) -> None:
        self._node = node
        self._now = now
        self._pump = pump
        self._tls = tls or PeerTls()
        self._task: asyncio.Task[None] | None = None

    def act(self) -> None:
        """Begin the exchange that waits to be carried, if there is one; to be called in the running loop."""
        if fetch := self._node.bulk.next():
            if self._task:  # the core has given it up
                self._task.cancel()
            self._task = asyncio.create_task(self._carry(fetch))

    async def close(self) -> None:
        """End what runs."""
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _carry(self, fetch: Fetching) -> None:
        try:
            async with asyncio.timeout(max(0.0, fetch.deadline - self._now())):
                await self._ask(fetch)
        except (aiohttp.ClientError, OSError, ValueError, EOFError) as error:  # TimeoutError is an OSError
            log.info("bulk sync of %s (%s) failed: %s", fetch.name, fetch.url, error or type(error).__name__)
            self._node.bulk.failed(fetch, self._now())
        self._pump()

    async def _ask(self, fetch: Fetching) -> None:
        bulk, headers = self._node.bulk, {"Authorization": _credential(fetch.request)}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=IDLE_S, sock_read=IDLE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as session,
            session.get(
                fetch.url,
                headers=headers,
                allow_redirects=False,
                ssl=self._tls.context,
                server_hostname=self._tls.name,
            ) as response,
        ):
            if response.status == 503:
                hints = await _at_most(response.content, DATAGRAM_MAX_BYTES)
                bulk.turned_away(fetch, _retry_s(response.headers.get("Retry-After", "")), hints, self._now())
            elif response.status != 200:
                raise ValueError(f"it answered {response.status}")
            elif await self._take(fetch, response.content):
                bulk.done(fetch, self._now())

    async def _take(self, fetch: Fetching, content: aiohttp.StreamReader) -> bool:
        """All frames of an answer; False: the core wants no more of it."""
        frames, begun = 0, self._now()
        while (data := await _frame(content)) is not None:
            if not self._node.bulk.frame(fetch, data, self._now()):
                return False
            frames += 1
            self._pump()
        log.info("bulk sync of %s: %d frames in %.3f s", fetch.name, frames, self._now() - begun)
        return True


class BulkFace:
    """The handler of `/v1/sync`.

    Args:
        node: the gossip core.
        now: its monotonic clock.
    """

    def __init__(self, node: GossipNode, now: Now) -> None:
        self._node = node
        self._now = now

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        answer = self._node.bulk_server.answer(_sealed(request), self._now())
        try:
            match answer.verdict:
                case Verdict.SERVED:
                    return await _stream(request, answer)
                case Verdict.BUSY:
                    headers = {"Retry-After": str(RETRY_AFTER_S)} | _OCTETS
                    return web.Response(status=503, body=b"".join(answer.frames), headers=headers)
                case Verdict.MISDIRECTED:
                    return web.Response(status=421, text="meant for another process\n")
                case Verdict.REFUSED:
                    headers, text = {"WWW-Authenticate": "Gossip"}, "wants a fresh frame of this cluster\n"
                    return web.Response(status=401, text=text, headers=headers)
        finally:
            answer.close()


async def _stream(request: web.Request, answer: Answer) -> web.StreamResponse:
    response = web.StreamResponse(headers=_OCTETS)
    await response.prepare(request)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            for frame in answer.frames:
                await response.write(LENGTH.pack(len(frame)) + frame)
                await asyncio.sleep(0)  # a write that needs not wait lets nobody else run
            await response.write_eof()
    except OSError:  # the reader is gone, or too slow: it must not take what it has for the whole
        if request.transport:
            request.transport.abort()
    return response


async def _frame(content: aiohttp.StreamReader) -> bytes | None:
    """The next frame, or None at the end.

    Raises:
        EOFError: the end came within a frame.
        ValueError: no frame is so long.
    """
    try:
        prefix = await content.readexactly(LENGTH.size)
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise
        return None
    (length,) = LENGTH.unpack(prefix)
    if length > FRAME_MAX_BYTES:
        raise ValueError(f"no frame has {length} bytes")
    return await content.readexactly(length)


async def _at_most(content: aiohttp.StreamReader, most_bytes: int) -> bytes:
    """A small body; of a larger one nothing."""
    data = b""
    while len(data) <= most_bytes and (part := await content.read(most_bytes + 1)):
        data += part
    return data if len(data) <= most_bytes else b""


def _credential(frame: bytes) -> str:
    return _SCHEME + base64.urlsafe_b64encode(frame).decode()


def _sealed(request: web.Request) -> bytes:
    """The frame that a request carries; nothing, if there is none."""
    given = request.headers.get("Authorization", "")
    if not given.startswith(_SCHEME):
        return b""
    try:
        return base64.b64decode(given.removeprefix(_SCHEME), altchars="-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _retry_s(text: str) -> float:
    return min(_RETRY_MAX_S, float(text)) if text.isascii() and text.isdigit() else RETRY_AFTER_S
