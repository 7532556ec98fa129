"""The rung follows the throughput, not a single lucky segment, and never a screen that is too small."""

import pytest

from loadtest.drive.abr import Throughput, choose, screen

LADDER = (300.0, 800.0, 1600.0, 2800.0)


def test_one_fast_segment_hardly_moves_the_estimate() -> None:
    seen = Throughput()
    assert seen.kbps is None
    for _ in range(4):
        seen.saw(125_000, 1.0)
    seen.saw(125_000, 0.001)
    assert seen.kbps == pytest.approx(1250, rel=0.01)


@pytest.mark.parametrize(
    ("now", "kbps", "buffered", "expected"),
    [
        (0, None, 0.0, 0),  # nothing is known
        (0, 5000.0, 3.0, 1),  # one at a time
        (0, 5000.0, 1.5, 0),  # up only with something in the buffer
        (3, 1200.0, 3.0, 1),  # down at once: 80% of 1200 bears 800
        (3, 1200.0, 0.5, 0),  # half of it, while little is buffered
        (3, 10.0, 3.0, 0),  # never below the lowest
        (7, 9000.0, 3.0, 3),  # the ladder became shorter
    ],
)
def test_choice(now: int, kbps: float | None, buffered: float, expected: int) -> None:
    assert choose(LADDER, now, kbps, buffered) == expected


def test_screens_spread_over_any_ladder() -> None:
    assert [screen(rank, 6, 3) for rank in range(6)] == [0, 0, 1, 1, 2, 2]
    assert [screen(rank, 2, 5) for rank in range(2)] == [2, 4]
    assert screen(0, 1, 1) == 0
