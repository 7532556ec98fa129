"""Machines that drive as one: all begin at the same moment, and the first of them gathers their reports.

The first listens, the others connect as soon as their own workers are ready, and stay connected. A line of JSON each:

    machine  {"machine": 3, "run": {…}}              ready, for this run
    first    {"in_s": 2.0, "began_s": 1790000000.1}  all are; or {"refused": "why"}
    machine  its report, when it is over
    first    {"taken": true}

Who connects is not asked for a key: it belongs where only these machines reach each other.
"""

import asyncio
import contextlib
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

import orjson

from edge.model import ConfigError

READY_S = 300.0  # until all machines are there: images are pulled meanwhile
LATE_S = 90.0  # after the own end, until the others have told theirs
LEAD_S = 0.5
REPORT_MAX_BYTES = 16 * 1024 * 1024
_APART_S = 2.0  # from the word to begin until all do: it must have reached all of them
_LOOK_S = 0.5
_SAY_S = 10.0  # for a stranger to say what it is, and for an answer to be taken
_OPTION = "--meet"


class Start(NamedTuple):
    """When to begin."""

    in_s: float  # from now
    began_s: float  # Unix seconds, by the first machine's clock


class Meeting(Protocol):
    """What `drive` asks of those it drives with."""

    async def begin(self) -> Start:
        """Wait until all are ready."""
        ...


class Alone:
    """One machine, or several that somebody starts together."""

    async def begin(self) -> Start:
        """At once."""
        return Start(LEAD_S, time.time() + LEAD_S)


@dataclass(frozen=True, slots=True)
class Place:
    """Where machines meet.

    Attributes:
        host, port: of the first machine; it listens on every address.
        index: this machine's number.
        of: how many there are.
        run: what all must agree about.
    """

    host: str
    port: int
    index: int
    of: int
    run: Mapping[str, Any]


class Host:
    """The first machine's side.

    Args:
        place: where; the others must mean the same run.
        ready_s: how long the others may take to come.
        late_s: how long their reports may.
    """

    def __init__(self, place: Place, ready_s: float = READY_S, late_s: float = LATE_S) -> None:
        self._place, self._ready_s, self._late_s = place, ready_s, late_s
        self._there: dict[int, asyncio.StreamWriter] = {}
        self._reports: dict[int, dict[str, Any]] = {}
        self._changed = asyncio.Event()
        self._begun = False
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Self:
        """Listen.

        Raises:
            ConfigError: the port is not to be had.
        """
        try:
            self._server = await asyncio.start_server(
                self._hear, port=self._place.port, limit=REPORT_MAX_BYTES
            )
        except OSError as error:
            raise ConfigError(_OPTION, f"port {self._place.port}: {error.strerror}", "take another") from None
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        assert self._server
        self._server.close()
        for writer in self._there.values():
            writer.close()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self._server
        return int(self._server.sockets[0].getsockname()[1])

    async def begin(self) -> Start:
        """Wait until all are ready, and tell them.

        Raises:
            ConfigError: not all came.
        """
        if lacking := await self._wait(self._there, self._ready_s):
            raise ConfigError(
                _OPTION,
                f"machines {_listed(lacking)} of {self._place.of} did not come in {self._ready_s:.0f} s",
                "start as many as --of says, numbered from 0",
            )
        self._begun = True
        start = Start(_APART_S, time.time() + _APART_S)
        for writer in self._there.values():
            writer.write(_line(start._asdict()))
        return start

    async def gather(self, own: dict[str, Any]) -> tuple[list[dict[str, Any]], list[int]]:
        """All reports, by number, and the machines whose report did not come in time."""
        lacking = await self._wait(self._reports, self._late_s)
        others = [self._reports[index] for index in sorted(self._reports)]
        for writer in self._there.values():
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.drain(), _SAY_S)
        return [own, *others], lacking

    async def _wait(self, told: Mapping[int, Any], within_s: float) -> list[int]:
        """Until all others are in `told`; who is not."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                while len(told) < self._place.of - 1:
                    self._changed.clear()
                    await self._changed.wait()
        return [index for index in range(1, self._place.of) if index not in told]

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from beginning to end."""
        index = 0
        try:
            index = self._expected(await asyncio.wait_for(_read(reader), _SAY_S))
            _keep(writer)
            self._there[index] = writer
            self._changed.set()
            self._reports[index] = await _read(reader)
            self._changed.set()
            writer.write(_line({"taken": True}))
        except _RefusedError as error:
            writer.write(_line({"refused": str(error)}))
            writer.close()
        except (OSError, ValueError, TimeoutError):
            writer.close()
            if not self._begun:  # it may come again
                self._there.pop(index, None)

    def _expected(self, said: Mapping[str, Any]) -> int:
        index, run = said.get("machine"), said.get("run")
        if not isinstance(index, int) or not 1 <= index < self._place.of:
            raise _RefusedError(f"machine {index} is none of 1 to {self._place.of - 1}")
        if index in self._there:
            raise _RefusedError(f"machine {index} is there already")
        if run != dict(self._place.run):
            raise _RefusedError(f"machine {index} would drive {run}, the first one {dict(self._place.run)}")
        return index


class Guest:
    """Another machine's side; use it as a context, in which it is connected from `begin` on."""

    def __init__(self, place: Place, ready_s: float = READY_S, late_s: float = LATE_S) -> None:
        self._place, self._ready_s, self._late_s = place, ready_s, late_s
        self._pipe: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def __aenter__(self) -> Self:
        """Nothing yet."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up."""
        if self._pipe:
            self._pipe[1].close()

    async def begin(self) -> Start:
        """Tell the first machine that this one is ready, and wait for its word.

        Raises:
            ConfigError: it is not there, or does not want this one.
        """
        place = self._place
        try:
            async with asyncio.timeout(self._ready_s):
                reader, writer = self._pipe = await self._connected()
                writer.write(_line({"machine": place.index, "run": dict(place.run)}))
                said = await _read(reader)
        except (OSError, ValueError, TimeoutError) as error:
            where, why = f"{place.host}:{place.port}", str(error) or f"no word in {self._ready_s:.0f} s"
            hint = "start the machine with --index 0 there, and as many as --of says"
            raise ConfigError(_OPTION, f"{where}: {why}", hint) from None
        if "refused" in said:
            raise ConfigError(
                _OPTION, str(said["refused"]), "start all with the same options but for --index"
            )
        return Start(float(said["in_s"]), float(said["began_s"]))

    async def hand_over(self, report: Mapping[str, Any]) -> None:
        """Give the own report to the first machine.

        Raises:
            ConfigError: it does not take it.
        """
        assert self._pipe, "begin first"
        reader, writer = self._pipe
        try:
            async with asyncio.timeout(self._late_s):
                writer.write(_line(report))
                await writer.drain()
                await _read(reader)
        except (OSError, ValueError, TimeoutError):
            raise ConfigError(
                _OPTION, "the first machine did not take the report", "look at its log"
            ) from None

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """As soon as its name and its port are there."""
        while True:
            try:
                made = await asyncio.open_connection(self._place.host, self._place.port)
            except OSError:
                await asyncio.sleep(_LOOK_S)
            else:
                _keep(made[1])
                return made


class _RefusedError(Exception):
    """Who connected does not belong here."""


async def _read(reader: asyncio.StreamReader) -> dict[str, Any]:
    """The next line.

    Raises:
        ValueError: it is too long, or no object; also when the other side hung up.
    """
    line = await reader.readline()
    if not line.endswith(b"\n"):
        raise ValueError("hung up")
    said = orjson.loads(line)
    if not isinstance(said, dict):
        raise ValueError("no object")
    return said


def _line(said: Mapping[str, Any]) -> bytes:
    return orjson.dumps(dict(said)) + b"\n"


def _keep(writer: asyncio.StreamWriter) -> None:
    """Notice a dead machine, and keep what is between from forgetting a connection that is silent for hours."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers[:8])) + (" and others" if len(numbers) > 8 else "")
