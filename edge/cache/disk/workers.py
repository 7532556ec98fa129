"""A few threads for work that blocks, with a bound on what may wait for them."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class BusyError(Exception):
    """So much waits already that this would come too late."""


class Workers:
    """Threads of one purpose.

    Args:
        name: of the threads.
        threads: how many.
        waiting_max: jobs begun and waiting together; beyond, `BusyError`.
    """

    def __init__(self, name: str, threads: int, waiting_max: int) -> None:
        self._pool = ThreadPoolExecutor(threads, name)
        self._waiting_max = waiting_max
        self._waiting = 0
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """Jobs begun and waiting, also such as nobody waits for any more."""
        return self._waiting

    async def run(
        self, job: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result:
        """What `job` returns or raises.

        Raises:
            BusyError: too much waits, or the threads have been closed.
        """
        if self._waiting >= self._waiting_max:
            raise BusyError
        with self._lock:
            self._waiting += 1
        try:
            future = self._pool.submit(job, *args, **kwargs)
        except RuntimeError:
            self._ended(None)
            raise BusyError from None
        future.add_done_callback(self._ended)
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Take no more jobs and forget those that have not begun. What has begun ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ended(self, _: Future[Any] | None) -> None:
        with self._lock:  # in the job's thread
            self._waiting -= 1
