"""How much nginx is given to store: what the volume has room for, and no more than its manager can remove.

nginx's cache manager looks only every ten seconds whether the cache is over its bound, and where the volume is full
nginx cuts replies short. The node makes every answer that nginx stores. So it gives no more than there was room for
when it last looked, and once the cache is at its bound only so many bytes a second. The rest goes to viewers unstored;
what many ask for has many chances, and what all at the live edge are about to ask for comes first.
"""

from collections.abc import Callable

from edge.config import NginxConfig
from edge.nginx.files import Volume

FULL = "full"
PACE = "pace"
BURST_S = 1.0  # what may be given at once, as time at the rate
_SLACK = 0.02  # so much of the volume must be free again before more is stored


class Pace:
    """Room on the volume, and a token bucket of bytes.

    Args:
        config: the bounds.
        clock: seconds, monotonic.
    """

    def __init__(self, config: NginxConfig, clock: Callable[[], float]) -> None:
        self._max_bytes = config.max_bytes
        self._high = config.disk_high
        self._rate = float(config.fill_bytes_s)
        self._clock = clock
        self._at = clock()
        self._tokens = self._rate * BURST_S
        self._room = 0.0
        self._given = 0  # since the last look
        self.full = False  # whether nothing more is stored for lack of room

    def look(self, volume: Volume) -> None:
        """Learn what is used of the volume; what was given since the look before may not be there yet."""
        high = self._high - (_SLACK if self.full else 0.0)
        self._room = volume.usable_bytes * high - volume.used_bytes - self._given
        self._given = 0
        self.full = self._room <= 0

    def why_not(self, size: int, held_bytes: int, *, urgent: bool = False) -> str:
        """Why an answer is not to be stored; where it may be, "", and it counts as given.

        Args:
            size: of the answer, bytes, as far as is known.
            held_bytes: what nginx holds, rather too much than too little.
            urgent: it waits for no token; those that come after it do.
        """
        if self.full or size > self._room:
            self.full = True
            return FULL
        if held_bytes + size > self._max_bytes and not (self._may_spend() or urgent):
            return PACE
        self.give(size, held_bytes)
        return ""

    def give(self, size: int, held_bytes: int) -> None:
        """So many bytes go to nginx; for those of which the size was not known before."""
        self._room -= size
        self._given += size
        if held_bytes + size > self._max_bytes:
            self._tokens -= size

    def _may_spend(self) -> bool:
        """Whether a token is left; an answer may be greater than that, and the next ones wait for it."""
        now = self._clock()
        self._tokens = min(self._rate * BURST_S, self._tokens + (now - self._at) * self._rate)
        self._at = now
        return self._tokens > 0
