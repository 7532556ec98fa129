"""Dated actions in one heap; the owner of the clock asks when the next is due and says what time it is."""

import heapq
import itertools
from collections.abc import Callable

Action = Callable[[float], None]


class Timer:
    """A handle on one dated action; `cancel` makes it do nothing."""

    __slots__ = ("action",)

    def __init__(self, action: Action) -> None:
        self.action: Action | None = action

    def cancel(self) -> None:
        """Never run it."""
        self.action = None


class Timers:
    """Actions by (time, order of entry), so that equal times run in one fixed order."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._entries = itertools.count()

    def at(self, when: float, action: Action) -> Timer:
        """Run `action(now)` at `when` or as soon after as somebody looks."""
        timer = Timer(action)
        heapq.heappush(self._heap, (when, next(self._entries), timer))
        return timer

    def next(self) -> float | None:
        """When the earliest action is due."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def run(self, now: float) -> None:
        """Run what is due. Actions that these add for `now` or before run in the same call."""
        while (due := self.next()) is not None and due <= now:
            timer = heapq.heappop(self._heap)[2]
            action, timer.action = timer.action, None
            assert action is not None
            action(now)

    def __len__(self) -> int:
        return len(self._heap)
