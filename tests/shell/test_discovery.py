import asyncio
import logging
import socket

import pytest

from edge.model import Address
from edge.shell import discovery
from edge.shell.discovery import Discovery


class Found:
    """Collects what discovery finds."""

    def __init__(self) -> None:
        self.rounds: asyncio.Queue[list[Address]] = asyncio.Queue()

    async def next(self) -> list[Address]:
        return await asyncio.wait_for(self.rounds.get(), 5)


async def test_names_become_addresses_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found = Found()
    seeds = [Address("127.0.0.1", 7710), Address("localhost", 7700)]
    task = asyncio.create_task(Discovery(seeds, found.rounds.put_nowait, every_s=0.01).run())
    first, second = await found.next(), await found.next()
    task.cancel()
    assert first == second == sorted(first)
    assert Address("127.0.0.1", 7710) in first
    assert {one.port for one in first} == {7700, 7710}
    assert len(first) == len(set(first))


async def test_a_name_without_an_address_is_counted_told_once_and_tried_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(discovery, "_RETRY_S", 0.01)
    caplog.set_level(logging.INFO)
    found = Found()
    bad, good = Address("no..name", 7700), Address("127.0.0.1", 7710)
    one = Discovery([bad, good], found.rounds.put_nowait)
    task = asyncio.create_task(one.run())
    for _ in range(3):
        assert await found.next() == [good]
    assert one.failures >= 3
    assert [record.getMessage().partition(" (")[0] for record in caplog.records] == [
        "seed no..name:7700 does not resolve"
    ]
    real = asyncio.get_running_loop().getaddrinfo

    async def now_there(host: str, port: int, **kind: socket.SocketKind) -> object:
        return await real("127.0.0.2" if host == "no..name" else host, port, **kind)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", now_there)
    while await found.next() != [good, Address("127.0.0.2", 7700)]:
        pass
    task.cancel()
    assert caplog.records[-1].getMessage() == "seed no..name:7700 resolves again"


async def test_what_another_source_lists_counts_at_once_and_beside_the_names() -> None:
    found = Found()
    one = Discovery([Address("127.0.0.1", 7710)], found.rounds.put_nowait)
    task = asyncio.create_task(one.run())
    assert await found.next() == [Address("127.0.0.1", 7710)]
    listed = [Address("10.0.0.2", 7700), Address("10.0.0.3", 7700)]
    one.listed(listed)
    assert await found.next() == [*listed, Address("127.0.0.1", 7710)]
    one.listed(listed)
    assert found.rounds.empty(), "no news"
    one.listed([])
    assert await found.next() == [Address("127.0.0.1", 7710)]
    task.cancel()


async def test_a_name_server_that_is_away_takes_back_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_RETRY_S", 0.01)
    found = Found()
    one = Discovery([Address("localhost", 7700)], found.rounds.put_nowait, every_s=0.01)
    task = asyncio.create_task(one.run())
    before = await found.next()

    async def away(*_asked: object, **_kind: object) -> object:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", away)
    while not one.failures:
        assert await found.next() == before
    assert await found.next() == before
    task.cancel()


async def test_a_lone_node_asks_again_soon_and_one_among_others_every_minute() -> None:
    alone = True
    one = Discovery([], lambda _: None, 60.0, lambda: alone)
    assert one._pause_s() == 2.0
    alone = False
    assert one._pause_s() == 60.0
    one._failing[Address("nowhere", 7700)] = "no such name"
    assert [one._pause_s() for _ in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]
