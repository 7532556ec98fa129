"""What one scrape of a node costs it, and how large its answer is."""

import asyncio
import statistics
import time
from collections.abc import Iterator
from typing import NamedTuple

import aiohttp

from edge.shell.metrics import exposition
from loadtest.crowded import crowded
from loadtest.rows import Row

NODES = 300
COST_MS, SIZE_KB = 20, 300
_TIMES = 20
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Scrapes(NamedTuple):
    """Scrapes of one node, one after another."""

    made_s: list[float]  # processor time of the node, without its HTTP
    took_s: list[float]  # by whoever asks, from request to last byte
    text: str  # of the last

    @property
    def size_kb(self) -> float:
        """Of the answer."""
        return len(self.text.encode()) / 1000


async def scraped(nodes: int, times: int) -> Scrapes:
    """Ask one node of so many for its metrics."""
    made, took, text = [], [], ""
    async with crowded(nodes) as node, aiohttp.ClientSession(timeout=_TIMEOUT) as http:
        for _ in range(times):
            begun = time.thread_time()
            exposition(node._collector)
            made.append(time.thread_time() - begun)
            asked = time.perf_counter()
            async with http.get(f"{node.member.admin}/metrics") as answer:
                text = await answer.text()
            took.append(time.perf_counter() - asked)
            assert answer.status == 200, text[:200]
    return Scrapes(made, took, text)


def scrape() -> Iterator[Row]:
    """`scrape`: GET /metrics in a large cluster."""
    found = asyncio.run(scraped(NODES, _TIMES))
    text = f"GET /metrics of a node with {NODES} members"
    cost_ms, took_ms = (1000 * statistics.median(each) for each in (found.made_s, found.took_s))
    yield Row(f"scrape.{NODES}.cost", f"{text}: processor, median of {_TIMES}", cost_ms, "ms", COST_MS)
    yield Row(f"scrape.{NODES}.took", f"{text}: until it is here, median of {_TIMES}", took_ms, "ms", None)
    yield Row(f"scrape.{NODES}.size", f"{text}: size", found.size_kb, "kB", SIZE_KB)
