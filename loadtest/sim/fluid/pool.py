"""Windows side by side on the cores that there are, while the match is simulated; each is waited for when it is due."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager

from loadtest.sim.fluid.windows import Looked, Window, look

_TIMEOUT_S = 1800.0  # for one window; the largest takes a minute on a quiet machine


class Pool:
    """What packet simulations in other processes find.

    Args:
        futures: of each window.
    """

    def __init__(self, futures: dict[Window, "Future[Looked]"]) -> None:
        self._futures = futures

    def __call__(self, window: Window) -> Looked:
        """What a window finds; waits until it has.

        Raises:
            TimeoutError: it takes too long.
        """
        return self._futures[window].result(_TIMEOUT_S)


@contextmanager
def pool_of(windows: Sequence[Window]) -> Iterator[Pool]:
    """Simulate windows in processes of their own, as many as there are cores; what is not done is given up.

    The match often waits for the first, and is done long after the last.
    """
    if not windows:
        yield Pool({})
        return
    workers = min(len(windows), os.cpu_count() or 1)
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"))
    try:
        yield Pool({one: executor.submit(look, one) for one in windows})
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
