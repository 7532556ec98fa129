"""A picture begins when all tracks have something, and stands while one has not."""

import pytest

from loadtest.drive.playback import Playback


def test_the_picture_begins_with_the_last_track() -> None:
    play = Playback(("v", "a"))
    play.arrived("v", 2.0, 10.0)
    assert not play.stands(11.0)
    play.arrived("a", 2.0, 10.5)
    assert play.began == 10.5
    assert play.level(11.0) == pytest.approx(1.5)


def test_a_late_segment_stalls_it_for_as_long_as_it_is_late() -> None:
    play = Playback(("v",))
    play.arrived("v", 2.0, 0.0)
    play.arrived("v", 2.0, 3.0)
    assert (play.stalls, round(play.stalled_s(3.0), 6)) == (1, 1.0)
    assert play.level(4.0) == pytest.approx(1.0)
    assert play.stands(6.0)
    assert (play.stalls, round(play.stalled_s(6.0), 6)) == (2, 2.0)


def test_one_track_alone_does_not_keep_it_going() -> None:
    play = Playback(("v", "a"))
    for kind in ("v", "a"):
        play.arrived(kind, 2.0, 0.0)
    play.arrived("v", 2.0, 1.0)
    assert play.stands(2.5)
    play.arrived("a", 2.0, 3.0)
    assert play.stalled_s(9.0) == pytest.approx(1.0 + 4.0)  # and again from 5 s on


def test_segments_in_time_never_stall() -> None:
    play = Playback(("v",))
    play.arrived("v", 6.0, 0.0)
    for second in range(2, 60, 2):
        play.arrived("v", 2.0, float(second))
    assert (play.stalls, play.stalled_s(60.0)) == (0, 0.0)
