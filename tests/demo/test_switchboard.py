"""The demo's network and its control, with real sockets."""

import asyncio
import random
import socket
from collections.abc import AsyncIterator

import aiohttp
import pytest

from edge.demo.cities import CITIES
from edge.demo.faults import LOSS, Faults
from edge.demo.ports import HOST, choose_ports
from edge.demo.switchboard import PATH, Switchboard
from edge.demo.watch import Place
from edge.model import Address
from edge.shell.sockets import bind, refused_addresses
from waiting import until

CUT_MUMBAI = {"kind": "city", "name": "mumbai", "on": True}


class Net:
    """A switchboard, and a bare UDP socket in the place of each node that is made."""

    def __init__(self) -> None:
        ports = choose_ports(len(CITIES), well_known=False, page_port=0)
        self.places = {
            city.name: Place(city, taken) for city, taken in zip(CITIES, ports.cities, strict=True)
        }
        self.heard: list[Faults] = []
        self.board = Switchboard(
            tuple(self.places.values()), ports.control, self.heard.append, random.Random(1)
        )
        self.nodes: dict[str, socket.socket] = {}

    def node(self, *names: str) -> None:
        """Bind the private ports of these nodes."""
        for name in names:
            address = Address(HOST, self.places[name].ports.inner)
            self.nodes[name] = bind(address, name, socket.SOCK_DGRAM)

    def send(self, sender: str, receiver: str, data: bytes) -> None:
        """To the door of the receiver, from the private port of the sender."""
        self.nodes[sender].sendto(data, (HOST, self.places[receiver].ports.gossip))

    async def got(self, name: str) -> tuple[bytes, str]:
        """The next datagram, and whose door it came from."""
        data, source = await asyncio.wait_for(
            asyncio.get_running_loop().sock_recvfrom(self.nodes[name], 2048), 5
        )
        return data, next(one.name for one in self.places.values() if one.ports.gossip == source[1])

    async def close(self) -> None:
        """End all of it."""
        await self.board.close()
        for sock in self.nodes.values():
            sock.close()


@pytest.fixture
async def net() -> AsyncIterator[Net]:
    net = Net()
    await net.board.start()
    yield net
    await net.close()


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as session:
        yield session


async def test_a_datagram_comes_from_the_door_of_its_sender(net: Net) -> None:
    net.node("mumbai", "delhi")
    net.send("mumbai", "delhi", b"namaste")
    assert await net.got("delhi") == (b"namaste", "mumbai")
    net.send("delhi", "mumbai", b"namaste ji")
    assert await net.got("mumbai") == (b"namaste ji", "delhi")


async def test_what_is_cut_does_not_pass_and_after_the_heal_it_does(net: Net) -> None:
    net.node("mumbai", "delhi", "pune")
    counts = net.board.relay.counts
    net.board.faults = Faults(cities=("mumbai",))
    net.send("mumbai", "delhi", b"1")
    net.send("delhi", "mumbai", b"2")
    net.send("pune", "delhi", b"3")
    assert await net.got("delhi") == (b"3", "pune")
    await until(lambda: counts.cut == 2)
    net.board.faults = Faults()
    net.send("mumbai", "delhi", b"4")
    assert await net.got("delhi") == (b"4", "mumbai")


async def test_a_degraded_isp_loses_its_share(net: Net) -> None:
    net.node("mumbai", "delhi")
    net.board.faults = Faults(isps=("jio",))
    counts = net.board.relay.counts
    for number in range(1, 1001):
        net.send("mumbai", "delhi", b"x")
        if number % 50 == 0:
            await until(lambda sent=number: counts.lost + counts.passed == sent)  # type: ignore[misc]
    assert counts.lost / 1000 == pytest.approx(LOSS, abs=0.05)


async def test_strangers_are_not_relayed(net: Net) -> None:
    net.node("delhi")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(b"hello", (HOST, net.places["delhi"].ports.gossip))
        await until(lambda: net.board.relay.counts.strange == 1)
    assert net.board.relay.counts.passed == 0


async def test_the_door_of_a_dead_node_refuses_and_opens_with_its_next_word(net: Net) -> None:
    net.node("mumbai", "delhi")
    net.nodes["delhi"].close()
    door = Address(HOST, net.places["delhi"].ports.gossip)

    def refused() -> bool:
        net.send("mumbai", "delhi", b"are you there?")
        return door in refused_addresses(net.nodes["mumbai"])

    def try_refused() -> bool:
        try:
            return refused()
        except ConnectionRefusedError:  # the socket's way to tell the same of the datagram before
            return True

    await until(try_refused)
    net.node("delhi")
    net.send("delhi", "mumbai", b"back")
    assert await net.got("mumbai") == (b"back", "delhi")
    refused_addresses(net.nodes["mumbai"])
    net.send("mumbai", "delhi", b"welcome")
    assert await net.got("delhi") == (b"welcome", "mumbai")


async def test_a_page_of_the_demo_changes_faults_by_post(net: Net, http: aiohttp.ClientSession) -> None:
    page = {"Origin": net.places["delhi"].admin}
    async with http.post(net.board.url + PATH, json=CUT_MUMBAI, headers=page) as answer:
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == page["Origin"]
        assert CUT_MUMBAI in (await answer.json())["faults"]
    assert net.heard == [Faults(cities=("mumbai",))]
    async with http.get(net.board.url + PATH, headers=page) as answer:
        assert CUT_MUMBAI in (await answer.json())["faults"]
    asks = {**page, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
    async with http.options(net.board.url + PATH, headers=asks) as answer:
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Headers"] == "Content-Type"


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Host": "evil.example:7798"}]
)
async def test_foreign_pages_and_rebound_names_are_refused(
    net: Net, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    for ask in (http.get, http.post, http.options):
        async with ask(net.board.url + PATH, json=CUT_MUMBAI, headers=headers) as answer:
            assert answer.status == 403
            assert "Access-Control-Allow-Origin" not in answer.headers
    assert net.heard == []


async def test_get_changes_nothing_and_what_is_not_understood_is_said(
    net: Net, http: aiohttp.ClientSession
) -> None:
    url = net.board.url + PATH
    async with http.get(url, params={"kind": "city", "name": "mumbai", "on": "true"}) as answer:
        assert answer.status == 200
    async with http.post(url, data="kind=city&name=mumbai") as answer:
        assert answer.status == 415
    async with http.post(url, json={"kind": "city", "name": "mumbay", "on": True}) as answer:
        assert answer.status == 400
        assert "there is no city mumbay to break" in await answer.text()
    for body in (b"{", b"[]"):
        async with http.post(url, data=body, headers={"Content-Type": "application/json"}) as answer:
            assert answer.status == 400
    assert net.heard == []
    assert net.board.faults == Faults()
