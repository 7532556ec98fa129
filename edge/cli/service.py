"""How a long-running command lives: event loop, signals, and an end with its parent."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

try:
    import uvloop
except ImportError:  # no Windows build
    uvloop = None  # type: ignore[assignment]

Result = TypeVar("Result")

KILLED = 130  # exit status after a second Ctrl-C, as a shell would report it


def run_service(
    work: Callable[[asyncio.Event], Coroutine[Any, Any, Result]], *, exit_with_parent: bool = False
) -> Result:
    """Run `work(stop)` to its end; SIGTERM, SIGINT or the parent's end set `stop`, a second signal ends at once."""

    async def main() -> Result:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()

        def on_signal() -> None:
            if stop.is_set():
                os._exit(KILLED)
            stop.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, on_signal)
        if exit_with_parent:
            watcher = threading.Thread(target=_await_end_of_input, args=(loop, stop), daemon=True)
            watcher.start()
        return await work(stop)

    # What is loaded stays: each full collection would look through it, and hold requests up for 15 ms or more; and
    # garbage would wait until it is a quarter of it.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop if uvloop else None) as runner:
        return runner.run(main())


async def until_stopped(stop: asyncio.Event, work: Coroutine[Any, Any, None]) -> None:
    """Work until `stop` is set; what the work raises is raised here."""
    tasks = [asyncio.create_task(work), asyncio.create_task(stop.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if tasks[0].done():
            tasks[0].result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _await_end_of_input(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """Standard input is a pipe that only the parent holds open: its end is the parent's."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    loop.call_soon_threadsafe(stop.set)
