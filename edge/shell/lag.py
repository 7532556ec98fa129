"""Event-loop lag: how much later than asked a short sleep ends."""

import asyncio
import time

_EVERY_S = 0.05
_GAIN = 1 / 8


class LagMeter:
    """Smoothed lag of the running loop, seconds."""

    def __init__(self) -> None:
        self.lag_s = 0.0
        self.worst_s = 0.0

    async def run(self) -> None:
        """Measure until cancelled."""
        while True:
            begun = time.monotonic()
            await asyncio.sleep(_EVERY_S)
            late = max(0.0, time.monotonic() - begun - _EVERY_S)
            self.lag_s += (late - self.lag_s) * _GAIN
            self.worst_s = max(self.worst_s, late)
