"""A worker process: its share of the audience, and a word each second to the process that started it."""

import asyncio
import gc
import random
import signal
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import uvloop

from loadtest.drive.arrivals import Demand, Session, sessions
from loadtest.drive.asker import Asker, connections
from loadtest.drive.tally import Tally
from loadtest.drive.viewer import Place, Viewer

_LANGUAGES = 64  # more than any stream has
READY = "ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What a worker is to do."""

    demand: Demand
    places: range  # of the audience
    seed: int
    path: str
    entries: tuple[str, ...]  # base URLs
    zones: tuple[tuple[str, float], ...]  # and their shares; none: viewers say nothing of where they are
    ranks: tuple[float, ...]  # shares of the rungs
    route: bool
    rate: int  # most requests a second


def work(part: Part, pipe: Connection) -> None:
    """Say that it is ready, hear when to begin (Unix seconds), tell each second, and all at the end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it ends it
    timetable = sessions(part.demand, part.places, part.seed)
    gc.freeze()
    try:
        pipe.send(READY)
        began = time.monotonic() + float(pipe.recv()) - time.time()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_Work(part, timetable, began).run(pipe))
    except (BrokenPipeError, EOFError, ConnectionError):
        return  # who started it has ended


class _Work:
    def __init__(self, part: Part, timetable: list[Session], began: float) -> None:
        self._part, self._timetable, self._began = part, timetable, began
        self._tally = Tally()
        self._there: dict[asyncio.Task[None], Viewer] = {}
        self._broken: asyncio.Future[BaseException]

    async def run(self, pipe: Connection) -> None:
        self._broken = asyncio.get_running_loop().create_future()
        async with connections() as http:
            asker = Asker(http, self._tally, self._began, self._part.rate)
            telling = asyncio.create_task(self._tell(pipe))
            coming = asyncio.create_task(self._come(asker))
            await asyncio.wait((telling, self._broken), return_when=asyncio.FIRST_COMPLETED)
            tasks = (telling, coming, *self._there)
            for task in tasks:
                task.cancel()
            outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        if self._broken.done():
            raise self._broken.result()
        for outcome in outcomes:
            if isinstance(outcome, Exception):
                raise outcome
        pipe.send(self._tally.done())

    async def _come(self, asker: Asker) -> None:
        for one in self._timetable:
            due = self._began + one.begin_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            rng = random.Random(f"{self._part.seed}:{one.place}:{one.number}")
            viewer = Viewer(self._place(one.place), asker, self._tally, rng)
            task = asyncio.create_task(viewer.watch(due, self._began + one.end_s))
            self._there[task] = viewer
            task.add_done_callback(self._left)

    def _left(self, task: "asyncio.Task[None]") -> None:
        self._there.pop(task, None)
        if not task.cancelled() and (error := task.exception()) and not self._broken.done():
            self._broken.set_result(error)  # a bug in a viewer

    async def _tell(self, pipe: Connection) -> None:
        """Each second until the end; a second's word is sent once it is over."""
        second = 0
        while second < self._part.demand.seconds:
            await asyncio.sleep(max(0.0, self._began + second + 1 - time.monotonic()))
            now = time.monotonic()
            stalled = sum(one.stalled(now) for one in self._there.values())
            pipe.send(self._tally.tick(second, stalled))
            second += 1

    def _place(self, number: int) -> Place:
        """Who sits there: the same in each session."""
        part, rng = self._part, random.Random(f"{self._part.seed}:place:{number}")
        names = [name for name, _ in part.zones]
        zone = rng.choices(names, [share for _, share in part.zones])[0] if names else ""
        rank = rng.choices(range(len(part.ranks)), part.ranks)[0]
        first = rng.randrange(len(part.entries))
        entries = part.entries[first:] + part.entries[:first]
        ranked = (rank, len(part.ranks))
        return Place(entries, part.path, zone, part.route, ranked, rng.randrange(_LANGUAGES))
