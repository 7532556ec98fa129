"""Machines begin together, and the first one has all reports."""

import asyncio
import socket
import time
from typing import Any

import pytest

from edge.model import ConfigError
from loadtest.drive.meeting import Guest, Host, Place

RUN = {"scenario": "s", "seed": 1}


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def place(index: int, port: int, of: int = 3, **run: Any) -> Place:
    return Place("127.0.0.1", port, index, of, RUN | run)


async def drive(guest: Guest) -> float:
    """A machine's run; when it began."""
    async with guest:
        start = await guest.begin()
        at = time.monotonic() + start.in_s
        await guest.hand_over({"began_s": start.began_s})
        return at


async def test_all_begin_together_and_one_has_all_reports() -> None:
    port = free_port()
    early = asyncio.create_task(drive(Guest(place(2, port))))  # before there is anybody to meet
    await asyncio.sleep(0.1)
    async with Host(place(0, port)) as host:
        late = asyncio.create_task(drive(Guest(place(1, port))))
        start = await host.begin()
        at = time.monotonic() + start.in_s
        reports, lacking = await host.gather({"began_s": start.began_s})
        begun = [at, await early, await late]
    assert reports == [{"began_s": start.began_s}] * 3
    assert lacking == []
    assert max(begun) - min(begun) < 0.5


async def test_a_machine_that_does_not_come_is_named() -> None:
    port = free_port()
    async with Host(place(0, port), ready_s=0.3) as host:
        guest = asyncio.create_task(drive(Guest(place(1, port), ready_s=2)))
        with pytest.raises(ConfigError, match="machines 2 of 3 did not come in 0 s"):
            await host.begin()
    with pytest.raises(ConfigError, match="hung up"):
        await guest


async def test_a_machine_that_dies_on_the_way_is_named() -> None:
    port = free_port()
    async with Host(place(0, port, of=2), late_s=0.3) as host, Guest(place(1, port, of=2)) as guest:
        both = asyncio.gather(host.begin(), guest.begin())
        await both
        await guest.__aexit__(None, None, None)
        assert await host.gather({"own": 1}) == ([{"own": 1}], [1])


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"index": 3}, "machine 3 is none of 1 to 2"),
        ({"index": 1, "seed": 2}, "would drive"),
    ],
)
async def test_who_does_not_belong_is_told_why(wrong: dict[str, Any], said: str) -> None:
    port = free_port()
    async with Host(place(0, port)):
        with pytest.raises(ConfigError, match=said):
            await drive(Guest(place(port=port, **wrong)))


@pytest.mark.parametrize("junk", [b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b"{}\n", b"\xff\n", b""])
async def test_strangers_change_nothing(junk: bytes) -> None:
    port = free_port()
    async with Host(place(0, port, of=2)) as host:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(junk)
        writer.write_eof()
        await reader.read()
        guest = asyncio.create_task(drive(Guest(place(1, port, of=2))))
        await host.begin()
        assert (await host.gather({}))[1] == []
        await guest
        writer.close()


async def test_nobody_there_is_told() -> None:
    with pytest.raises(ConfigError, match="no word in 0 s"):
        await drive(Guest(place(1, free_port()), ready_s=0.2))
