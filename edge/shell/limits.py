"""How much callers of the admin port may ask, by token buckets; and how often of one thing the log is told."""

import logging
import math
from collections import OrderedDict
from collections.abc import Callable

from edge.config import AdminConfig

ALL = 5  # times what one caller may, all together
CALLERS_MAX = 1024
SELDOM_S = 10.0  # between two lines of the log about one thing
_THINGS_MAX = 64

Clock = Callable[[], float]


class Bucket:
    """A token bucket, full at first.

    Args:
        rate: tokens a second.
        burst: how many it holds.
        now: seconds, monotonic.
    """

    __slots__ = ("_at", "_burst", "_rate", "_tokens")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate, self._burst, self._at = rate, burst, now
        self._tokens = burst

    def wait_s(self, now: float) -> float:
        """Seconds until there is a token; 0 where there is one."""
        self._tokens = min(self._burst, self._tokens + max(0.0, now - self._at) * self._rate)
        self._at = now
        return max(0.0, 1 - self._tokens) / self._rate

    def take(self) -> None:
        """Take one that `wait_s` has seen."""
        self._tokens -= 1


class WriteLimits:
    """How many orders callers may give, each and all together.

    Args:
        config: says how many.
        clock: seconds, monotonic.
    """

    def __init__(self, config: AdminConfig, clock: Clock) -> None:
        self._rate, self._burst, self._clock = config.writes_per_s, config.writes_burst, clock
        self._all = Bucket(ALL * self._rate, ALL * self._burst, clock())
        self._callers: OrderedDict[str, Bucket] = OrderedDict()

    def refused_s(self, caller: str) -> int:
        """Whole seconds after which `caller` may come again; 0 where the order may be given now, and is counted."""
        now = self._clock()
        bucket = self._callers.pop(caller, None) or Bucket(self._rate, self._burst, now)
        self._callers[caller] = bucket
        if len(self._callers) > CALLERS_MAX:
            self._callers.popitem(last=False)
        if wait_s := max(bucket.wait_s(now), self._all.wait_s(now)):
            return math.ceil(wait_s)
        bucket.take()
        self._all.take()
        return 0


class Seldom:
    """Logs warnings about a thing at most once in `SELDOM_S`, and then how many there were meanwhile.

    Args:
        log: where to.
        clock: seconds, monotonic.
    """

    def __init__(self, log: logging.Logger, clock: Clock) -> None:
        self._log, self._clock = log, clock
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()  # when last, and how many since

    def warn(self, thing: str, text: str) -> None:
        """Tell `text`, or count it."""
        now = self._clock()
        last, left_out = self._told.get(thing, (float("-inf"), 0))
        if now - last < SELDOM_S:
            self._told[thing] = (last, left_out + 1)
            return
        more = f" (and {left_out} more like it)" if left_out else ""
        self._log.warning("%s%s", text, more)
        self._told[thing] = (now, 0)
        self._told.move_to_end(thing)
        if len(self._told) > _THINGS_MAX:
            self._told.popitem(last=False)
