"""Nodes that lie, by program and with the cluster's key: few viewers follow them, and not for long.

`python -m loadtest liars` plays all lies with several seeds.
"""

import pytest

from edge.gossip.trust import Trust
from loadtest.sim.liars import AFTER_S, HARMLESS, LIE_S, LIES, staged, told

SHIFT_MAX = 0.05  # of the viewers
SHUNNED_S = 10.0
HERE = ("empty", "huge", "deaths", "slander")  # the others take `python -m loadtest liars`


@pytest.mark.parametrize("name", HERE)
def test_a_lie_shifts_few_viewers_and_who_lies_is_shunned_until_it_stops(name: str) -> None:
    found = told(LIES[name])
    assert found.shift < SHIFT_MAX
    assert not found.wronged
    if name in HARMLESS:
        assert found.shunned_s is None
        return
    assert found.shunned_s is not None
    assert found.shunned_s <= SHUNNED_S
    assert found.believed_s is not None
    assert found.believed_s < AFTER_S


def test_whom_nobody_judges_takes_the_viewers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the test above could not fail."""
    monkeypatch.setattr(Trust, "look", lambda _self, _now: None)
    stage = staged(LIES["huge"])
    stage.lying = True
    stage.world.run(LIE_S / 3)
    drawn = [name for _, name in stage.sent].count(stage.liar.name)
    assert drawn > 0.5 * len(stage.sent)
