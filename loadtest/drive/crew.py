"""Worker processes from the side of who starts them: they begin together, and their words come by pipe."""

import asyncio
import multiprocessing
import time
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection

from loadtest.drive.tally import Done, Tick
from loadtest.drive.worker import READY, Part, work

_READY_S = 120.0  # to import, and to draw the timetable
_LATE_S = 60.0  # after the end, until all have told
_END_S = 5.0


class Crew:
    """The workers of a run.

    Args:
        parts: what each is to do.
        on_tick: hears each second of each.
    """

    def __init__(self, parts: Sequence[Part], on_tick: Callable[[Tick], None]) -> None:
        self._on_tick = on_tick
        self._done: list[Done] = []
        self._ready = 0
        self._seconds = max(one.demand.seconds for one in parts)
        context = multiprocessing.get_context("spawn")
        self._pipes = list[Connection]()
        self._told_all = list[Connection]()
        self._processes = []
        for part in parts:
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(part, theirs), daemon=True)
            process.start()
            theirs.close()
            self._pipes.append(ours)
            self._processes.append(process)
        self._all_ready = asyncio.Event()
        self._all_done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        for pipe in self._pipes:
            asyncio.get_running_loop().add_reader(pipe.fileno(), self._read, pipe)

    async def ready(self) -> None:
        """Wait until all are.

        Raises:
            RuntimeError: one ended.
            TimeoutError: one is not ready in time.
        """
        ready = asyncio.ensure_future(self._all_ready.wait())
        try:
            async with asyncio.timeout(_READY_S):
                await asyncio.wait((ready, self._all_done), return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._all_done.done():
            self._all_done.result()

    def begin(self, in_s: float) -> None:
        """Let all begin at the same moment, so many seconds from now."""
        for pipe in self._pipes:
            pipe.send(time.time() + in_s)

    async def all(self) -> list[Done]:
        """What all told at their end.

        Raises:
            RuntimeError: one ended before.
            TimeoutError: they do not end.
        """
        async with asyncio.timeout(self._seconds + _LATE_S):
            await asyncio.shield(self._all_done)
        return self._done

    def end(self) -> None:
        """End those that are left."""
        for pipe in self._pipes:
            asyncio.get_running_loop().remove_reader(pipe.fileno())
            pipe.close()
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(_END_S)
            if process.is_alive():
                process.kill()
        if self._all_done.done() and not self._all_done.cancelled():
            self._all_done.exception()  # seen, whoever waited

    def _read(self, pipe: Connection) -> None:
        try:
            while pipe.poll():
                self._hear(pipe, pipe.recv())
        except (EOFError, OSError):
            asyncio.get_running_loop().remove_reader(pipe.fileno())
            if pipe not in self._told_all and not self._all_done.done():
                self._all_done.set_exception(RuntimeError("a worker ended early; its error is above"))

    def _hear(self, pipe: Connection, said: object) -> None:
        if said == READY:
            self._ready += 1
            if self._ready == len(self._pipes):
                self._all_ready.set()
        elif isinstance(said, Tick):
            self._on_tick(said)
        elif isinstance(said, Done):
            self._told_all.append(pipe)
            self._done.append(said)
            if len(self._done) == len(self._pipes) and not self._all_done.done():
                self._all_done.set_result(None)
