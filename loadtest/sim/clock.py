"""Virtual time: a heap of dated actions; the clock jumps to the next one."""

import heapq
import itertools
from collections.abc import Callable

Action = Callable[[], None]


class Clock:
    """Actions in order of (time, entry)."""

    __slots__ = ("_entries", "_heap", "now", "steps")

    def __init__(self) -> None:
        self.now = 0.0
        self.steps = 0
        self._heap: list[tuple[float, int, Action]] = []
        self._entries = itertools.count()

    def at(self, when: float, action: Action) -> None:
        """Run `action` at `when`, seconds; what lies in the past runs next."""
        heapq.heappush(self._heap, (when, next(self._entries), action))

    def run(self, until: float) -> None:
        """Run what is due up to and including `until`, and stand there."""
        heap, pop = self._heap, heapq.heappop
        while heap and heap[0][0] <= until:
            when, _, action = pop(heap)
            self.now = max(self.now, when)
            self.steps += 1
            action()
        self.now = until
