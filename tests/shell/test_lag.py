import asyncio
import time

from edge.shell.lag import LagMeter


async def test_a_loop_that_is_held_up_shows_lag_and_recovers() -> None:
    meter = LagMeter()
    task = asyncio.create_task(meter.run())
    await asyncio.sleep(0.12)
    quiet = meter.lag_s
    time.sleep(0.3)  # noqa: ASYNC251  (that is the point)
    await asyncio.sleep(0.06)
    assert meter.worst_s > 0.2
    assert meter.lag_s > quiet + 0.02
    held_up = meter.lag_s
    await asyncio.sleep(0.4)
    task.cancel()
    assert meter.lag_s < held_up
