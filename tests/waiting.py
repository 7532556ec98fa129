"""Waiting for what happens outside of the test's own hands: other tasks, sockets, processes."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


async def until(look: Callable[[], Found], within_s: float = 5) -> Found:
    """What `look` finds, as soon as that is true; fails after `within_s`."""
    async with asyncio.timeout(within_s):
        while not (found := look()):
            await asyncio.sleep(0.01)
    return found
