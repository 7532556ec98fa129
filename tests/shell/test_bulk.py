"""Bulk sync over real HTTP: the admin port answers, the client carries, and neither trusts the other's bytes."""

import asyncio
import base64
import itertools
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, suppress

import aiohttp
import msgspec
import pytest
from aiohttp.test_utils import TestServer

from edge.config import GossipConfig
from edge.gossip import GossipNode, serving
from edge.gossip import bulk as asking
from edge.gossip.node import Identity
from edge.gossip.serving import Answer, Verdict
from edge.model import Durable, EventKind, Member, Status
from edge.shell import bulk
from edge.shell.admin import AdminFace, AdminSources
from edge.shell.bulk import BulkClient, BulkFace
from edge.shell.routes import Routes
from edge.state.events import TICK_BITS
from edge.wire.bulk import FRAME_MAX_BYTES, LENGTH
from edge.wire.keys import KeyRing
from gossip.test_node import Bench
from pretend import member
from shell.actor import event_actor, key_keeper, monsoon_runner, prewarmer, schedule_desk, warden

RING = KeyRing((bytes(range(32)),))
OTHER_RING = KeyRing((bytes(32),))
TOKEN = "a long random word"
EVENTS = 3000

Peer = asyncio.StreamWriter
Respond = Callable[[asyncio.StreamReader, Peer], Awaitable[None]]


def now() -> float:
    return asyncio.get_running_loop().time()


def core(name: str, ring: KeyRing = RING) -> GossipNode:
    me = msgspec.structs.replace(member(name), admin="http://127.0.0.1:9")
    config = GossipConfig(events_max=8192)
    session = random.Random(name + str(ring.keys)).randbytes(8)
    return GossipNode(Identity(me, "test", ring, session), config, random.Random(name), now())


class Server:
    """A node with much to give, behind the real admin port, with a token."""

    def __init__(self, ring: KeyRing = RING) -> None:
        self.node = core("1", ring)
        wall_ms = int(1000 * now())  # these nodes take the machine's uptime for the time of day
        for number in range(EVENTS):
            key = f"url:/{random.Random(number).random()}"
            event = Durable(EventKind.PURGE, key, (wall_ms << TICK_BITS) + number, "1", 86_400)
            assert self.node._events._log.merge(event, wall_ms)
        events, sync = event_actor(), BulkFace(self.node, now).handle
        runner, warmer = monsoon_runner(Bench(), events), prewarmer(Bench(), events)
        routes, desk = Routes(self.node.view), schedule_desk(Bench(), events)
        keys = key_keeper(Bench(), events)
        sources = AdminSources(
            dict, lambda: b"", lambda: "", events, sync, runner, warmer, routes, desk, keys
        )
        self.http = TestServer(AdminFace(sources, warden(TOKEN), ()).app(), host="127.0.0.1")

    @property
    def url(self) -> str:
        return str(self.http.make_url("")).rstrip("/")


class Newcomer:
    """A node that is to fetch."""

    def __init__(self, name: str = "2", ring: KeyRing = RING) -> None:
        self.node = core(name, ring)
        self.client = BulkClient(self.node, now, lambda: None)
        self.pumped = 0

    def ask(self, url: str, name: str = "1") -> None:
        """Let it believe that the node `name`, with its admin port at `url`, holds much."""
        peer: Member = msgspec.structs.replace(member(name), admin=url, status=Status.ALIVE)
        self.node.acquaint([peer], now())
        self.node.bulk.takes(peer.address, now())
        self.node.handle_timer(now() + 0.2)
        self.client.act()

    async def ended(self) -> None:
        """Until the exchange that runs is over."""
        assert self.client._task
        await asyncio.wait_for(self.client._task, 15)


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as made:
        yield made


@pytest.fixture
async def server(stack: AsyncExitStack) -> Server:
    made = Server()
    await stack.enter_async_context(made.http)
    return made


async def responding(stack: AsyncExitStack, respond: Respond) -> str:
    """The URL of a server that says what it likes."""
    over = asyncio.Event()
    stack.push_async_callback(over.wait)

    async def serve(reader: asyncio.StreamReader, writer: Peer) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await respond(reader, writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        over.set()

    made = await asyncio.start_server(serve, "127.0.0.1", 0)
    stack.callback(made.close)
    host, port = made.sockets[0].getsockname()
    return f"http://{host}:{port}"


def saying(answer: bytes) -> Respond:
    async def respond(_reader: asyncio.StreamReader, writer: Peer) -> None:
        writer.write(answer)

    return respond


async def test_all_comes_over_the_admin_port_without_its_token(server: Server) -> None:
    newcomer = Newcomer()
    newcomer.ask(server.url)
    await newcomer.ended()
    assert newcomer.node.durables() == server.node.durables()
    assert newcomer.node.counters.bulk_done == server.node.counters.bulk_served == 1
    assert newcomer.node.counters.bulk_bytes_received == server.node.counters.bulk_bytes_sent > 0


async def get(server: Server, credential: str | None) -> tuple[int, bytes, str]:
    headers = {"Authorization": credential} if credential is not None else {}
    async with (
        aiohttp.ClientSession(headers=headers) as session,
        session.get(server.url + asking.PATH) as answer,
    ):
        return answer.status, await answer.read(), answer.headers.get("WWW-Authenticate", "")


async def test_strangers_get_a_short_refusal(server: Server) -> None:
    """Less than they sent, so nobody gains by asking; the admin token opens nothing here."""
    junk = base64.urlsafe_b64encode(bytes(1400)).decode()
    for credential in (None, "", "Gossip", "Gossip ", "Gossip ?", f"Bearer {TOKEN}"):
        assert (await get(server, credential))[0] == 401
    status, body, scheme = await get(server, f"Gossip {junk}")
    assert (status, scheme) == (401, "Gossip")
    assert len(body) < 50
    assert server.node.counters.bulk_bytes_sent == 0


async def test_another_key_ring_is_refused(server: Server) -> None:
    newcomer = Newcomer(ring=OTHER_RING)
    newcomer.ask(server.url)
    await newcomer.ended()
    assert server.node.counters.bulk_refused == 1
    assert newcomer.node.counters.bulk_failed == 1
    assert newcomer.node.durables() == []


async def test_a_request_is_good_once(server: Server) -> None:
    newcomer = Newcomer()
    newcomer.ask(server.url)
    fetch = newcomer.node.bulk._asked
    assert fetch
    await newcomer.ended()
    assert (await get(server, bulk._credential(fetch.request)))[0] == 401


async def test_a_request_for_another_process_is_misdirected(server: Server) -> None:
    newcomer = Newcomer()
    newcomer.ask(server.url, name="7")
    await newcomer.ended()
    assert server.node.counters.bulk_refused == newcomer.node.counters.bulk_failed == 1


async def test_a_busy_node_says_when_to_come_again(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "AT_ONCE", 0)
    newcomer = Newcomer()
    newcomer.ask(server.url)
    fetch = newcomer.node.bulk._asked
    await newcomer.ended()
    assert newcomer.node.counters.bulk_turned_away == server.node.counters.bulk_busy == 1
    assert newcomer.node.bulk.busy
    monkeypatch.setattr(serving, "AT_ONCE", 1)
    newcomer.node.handle_timer(now() + 2)
    newcomer.client.act()
    assert newcomer.node.bulk._asked is not fetch
    await newcomer.ended()
    assert newcomer.node.counters.bulk_done == 1


async def test_a_reader_that_stops_is_dropped_and_its_place_is_free_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = asyncio.Event()
    endless = Answer(Verdict.SERVED, itertools.repeat(bytes(30_000)), closed.set)
    monkeypatch.setattr(server.node.bulk_server, "answer", lambda _request, _now: endless)
    monkeypatch.setattr(bulk, "TIMEOUT_S", 0.3)
    assert server.http.port
    reader, writer = await asyncio.open_connection("127.0.0.1", server.http.port)
    writer.write(f"GET {asking.PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await asyncio.wait_for(closed.wait(), 5)
    assert not (await reader.read()).endswith(b"0\r\n\r\n")  # who reads on sees that the end is missing
    writer.close()
    await writer.wait_closed()


OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"junk\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/v1/sync\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n",
        OK + chunk(LENGTH.pack(FRAME_MAX_BYTES + 1)) + chunk(bytes(100)),
        OK + chunk(LENGTH.pack(100) + bytes(100)) + b"0\r\n\r\n",  # no frame of ours
        OK + chunk(LENGTH.pack(100) + bytes(50)) + b"0\r\n\r\n",  # ends within a frame
        OK + chunk(b"\0\0") + b"0\r\n\r\n",
        OK + chunk(LENGTH.pack(100) + bytes(50)),  # breaks off
    ],
)
async def test_whatever_else_answers_is_a_failure_and_no_more(stack: AsyncExitStack, answer: bytes) -> None:
    newcomer = Newcomer()
    newcomer.ask(await responding(stack, saying(answer)))
    await newcomer.ended()
    assert newcomer.node.counters.bulk_failed == 1
    assert newcomer.node.durables() == []


async def test_a_peer_that_dies_in_the_middle(server: Server, stack: AsyncExitStack) -> None:
    """What came is kept; the core goes on with another one, or by datagrams."""
    fetched: list[Newcomer] = []

    async def half(_reader: asyncio.StreamReader, writer: Peer) -> None:
        fetch = fetched[0].node.bulk._asked
        assert fetch
        answer = server.node.bulk_server.answer(fetch.request, now())
        frame = next(answer.frames)
        writer.write(OK + chunk(LENGTH.pack(len(frame)) + frame) + chunk(LENGTH.pack(99)))
        await writer.drain()
        writer.transport.abort()

    newcomer = Newcomer()
    fetched.append(newcomer)
    newcomer.ask(await responding(stack, half))
    await newcomer.ended()
    assert newcomer.node.counters.bulk_failed == 1
    assert 100 < len(newcomer.node.durables()) < EVENTS


@pytest.mark.parametrize("answer", [b"", OK])
async def test_a_silent_peer_is_given_up(
    stack: AsyncExitStack, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "IDLE_S", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: Peer) -> None:
        writer.write(answer)
        await reader.read()

    newcomer = Newcomer()
    newcomer.ask(await responding(stack, silent))
    await asyncio.wait_for(newcomer.ended(), 2)
    assert newcomer.node.counters.bulk_failed == 1


@pytest.mark.parametrize("url", ["", "ftp://127.0.0.1", "http://", "http://127.0.0.1:99999", "http://[::1"])
async def test_an_address_that_is_none_is_a_failure(url: str) -> None:
    newcomer = Newcomer()
    newcomer.ask("http://127.0.0.1:9")
    fetch = newcomer.node.bulk._asked
    assert fetch
    await newcomer.client.close()
    await newcomer.client._carry(
        asking.Fetching(
            fetch.serial, fetch.peer, fetch.name, url + asking.PATH, fetch.request, fetch.deadline
        )
    )


async def test_closing_ends_what_runs(stack: AsyncExitStack) -> None:
    begun = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _writer: Peer) -> None:
        begun.set()
        await reader.read()

    newcomer = Newcomer()
    newcomer.ask(await responding(stack, silent))
    await asyncio.wait_for(begun.wait(), 2)
    await newcomer.client.close()
    assert newcomer.client._task
    assert newcomer.client._task.done()
