"""No input costs more than its length: what is twice as long takes about twice as long, and not much memory."""

import time
import tracemalloc

import pytest

from fuzz.target import Target
from fuzz.targets import TARGETS

TIMES = 4  # how much longer the longer one is
RATIO_MAX = 9.0  # of their times; quadratic ones have 16
MEASURABLE_S = 0.004  # below it the clock says little
MOST_S = 0.5  # for any input
MEMORY_PER_BYTE = 400
MEMORY_BYTES = 4 << 20


def took_s(target: Target, data: bytes, tries: int) -> float:
    """Processor time, the least of some tries."""
    found = []
    for _ in range(tries):
        begun = time.process_time()
        target.run(data)
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.parametrize("name", TARGETS)
def test_time_grows_with_length(name: str) -> None:
    target = TARGETS[name]
    short, long = target.grown(target.most_bytes // TIMES), target.grown(target.most_bytes)
    for one, other in zip(short, long, strict=True):
        if (long_s := took_s(target, other, 1)) > MEASURABLE_S:
            long_s, short_s = took_s(target, other, 3), took_s(target, one, 3)
            shape = f"{other[:40]!r}: {short_s:.4f} s, {TIMES} times as long: {long_s:.4f} s"
            assert long_s < max(MEASURABLE_S, RATIO_MAX * short_s), shape
            assert long_s < MOST_S, shape


@pytest.mark.parametrize("name", [name for name, one in TARGETS.items() if one.share >= 0.02])
def test_memory_is_bounded(name: str) -> None:
    target = TARGETS[name]
    for data in target.grown(target.most_bytes):
        tracemalloc.start()
        try:
            target.run(data)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < MEMORY_BYTES + MEMORY_PER_BYTE * len(data), data[:40]
