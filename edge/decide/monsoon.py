"""Monsoon mode: from signals to a mode and a level of degradation that do not flap.

    clear → watch → monsoon → recovering → clear

A watch that comes to nothing goes back to clear, a recovery that fails back to monsoon, and one that leaves something
to be watched back to watch.

Three things keep it calm. Each signal is smoothed, so what lasts a second of every three never looks like what lasts.
A condition that was met is left only at a better value than it was entered at. And a change waits: a rise for
`RISE_S` after the last change, a fall until less was needed for some time without a break: the dwell within monsoon
and for what follows recovering, half of it from monsoon to recovering, twice of it from watch to clear. A rise from
clear goes by watch.

An override counts instead of all that, at once; the machine goes on below it.
"""

import math
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple

from edge.config import MonsoonConfig
from edge.decide.signals import Side, Signals

RISE_S = 2.0  # from one change to a rise
_STEP_MAX_S = 1.0  # one look counts for no more time: a process that stood still has seen a single moment
_WATCH, _EASE = 2.0, 0.5  # dwells before watch and monsoon are left: the one costs nothing, the other quality
_LEAVE, _LEAVE_LOAD = 0.5, 0.9  # of the bound: where a condition ends


class Mode(Enum):
    """How a node stands."""

    CLEAR = "clear"  # level 0
    WATCH = "watch"  # something is wrong: level 0 or 1
    MONSOON = "monsoon"  # levels 2 to 4
    RECOVERING = "recovering"  # it seems to be over: level 1


class State(NamedTuple):
    """Mode and level."""

    mode: Mode
    level: int

    @property
    def grade(self) -> int:
        """Orders states and needs: 0 is calm, 1 to be watched, and n + 1 is level n."""
        return 0 if self.mode is Mode.CLEAR else self.level + 1


class Need(NamedTuple):
    """What the signals ask for at one moment."""

    grade: int  # as `State.grade`
    words: str

    @property
    def level(self) -> int:
        """0 to 4."""
        return max(0, self.grade - 1)


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of mode or level."""

    at: float  # the time that `update` was told
    before: State
    after: State
    reason: str

    @property
    def text(self) -> str:
        """One line for people."""
        old, new = self.before, self.after
        modes = (
            f"{old.mode.value} to {new.mode.value}" if old.mode is not new.mode else f"still {new.mode.value}"
        )
        return f"monsoon mode: {modes}, level {new.level}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition: from `enter` of a smoothed signal on, until it is below `leave`, `level` is needed."""

    signal: str
    level: int  # 0: to be watched
    enter: float
    leave: float
    words: str


def rules_of(config: MonsoonConfig) -> tuple[Rule, ...]:
    """All conditions. Overload with nowhere to turn is level 4 beside them (`Monsoon`)."""
    loss, failed, lag = 1 - config.quality_low, config.origin_failures, config.lag_high_s
    fills, late = "{value:.0%} of fills fail", "the event loop is {value:.2f} s late"
    probes = "{value:.0%} of probes get no answer"

    def rule(signal: str, level: int, enter: float, words: str) -> Rule:
        return Rule(signal, level, enter, enter * (_LEAVE_LOAD if "load" in signal else _LEAVE), words)

    return (
        Rule("cut", 0, 0.5, 0.1, "the cluster is cut, {lost:.0%} of the members are lost"),
        Rule("minority", 2, 0.85, 0.2, "this side of the cut is the minority"),
        rule("loss", 0, loss / 2, probes),
        rule("loss", 1, loss, probes),
        rule("origin", 0, failed / 5, fills),
        rule("origin", 2, failed, fills),
        rule("zone_load", 1, config.load_high, "the zone carries {value:.0%} of its capacity"),
        rule("node_load", 3, config.load_full, "this node carries {value:.0%} of its capacity"),
        rule("lag", 0, lag / 4, late),
        rule("lag", 3, lag, late),
        rule("lag", 4, 2 * lag, late),
    )


def readings(signals: Signals) -> dict[str, float]:
    """Each signal as a number that is greater the worse it is."""
    return {
        "cut": float(signals.side is not Side.WHOLE),
        "minority": float(signals.side is Side.MINORITY),
        "loss": 1 - signals.quality,
        "origin": signals.origin_failures,
        "zone_load": signals.zone_load,
        "node_load": signals.node_load,
        "lag": signals.lag_s,
    }


class Gauges:
    """Smoothed signals, and which conditions they meet.

    Args:
        config: thresholds and smoothing.
    """

    def __init__(self, config: MonsoonConfig) -> None:
        self._config = config
        self._rules = rules_of(config)
        self._values = dict.fromkeys(readings(Signals()), 0.0)
        self._met: dict[Rule, None] = {}
        self._lost_share = 0.0
        self._at: float | None = None

    def take(self, signals: Signals, now: float) -> Need:
        """Take in the signals of `now`; what they ask for."""
        step_s = 0.0 if self._at is None else min(_STEP_MAX_S, max(0.0, now - self._at))
        self._at = now if self._at is None else max(self._at, now)
        weight = 1 - math.exp(-step_s / self._config.smoothing_s)
        for name, value in readings(signals).items():
            self._values[name] += (value - self._values[name]) * weight
        if signals.side is not Side.WHOLE:
            self._lost_share = signals.lost_share
        self._met = {one: None for one in self._rules if self._is_met(one)}
        return self._need()

    @property
    def calm_words(self) -> str:
        """The figures where nothing is wrong."""
        value = self._values
        return (
            f"{value['loss']:.0%} of probes and {value['origin']:.0%} of fills fail, "
            f"the zone carries {value['zone_load']:.0%} of its capacity"
        )

    def _is_met(self, rule: Rule) -> bool:
        value = self._values[rule.signal]
        return value >= (rule.leave if rule in self._met else rule.enter)

    def _need(self) -> Need:
        worst = {one.signal: one for one in self._met}  # the rules of one signal are in order of level
        if not self._config.enabled or not worst:
            return Need(0, self.calm_words)
        met = sorted(worst.values(), key=lambda one: -one.level)
        level = met[0].level
        full = "node_load" in worst
        if full and ("minority" in worst or ("origin" in worst and worst["origin"].level >= 2)):
            level = 4  # who is refused here has nowhere to turn, and what is not here cannot be had
        words = [one.words.format(value=self._values[one.signal], lost=self._lost_share) for one in met]
        return Need(min(level, self._config.level_max) + 1, "; ".join(words))


class Monsoon:
    """The state machine of one node. Pure: equal inputs give equal outputs.

    Args:
        config: thresholds, smoothing and dwell.
    """

    def __init__(self, config: MonsoonConfig) -> None:
        self._dwell_s = config.dwell_s
        self._gauges = Gauges(config)
        self.automatic = State(Mode.CLEAR, 0)  # what would count without an override
        self._since = -math.inf
        self._less_since: float | None = None  # since when less is needed than there is
        self.state = self.automatic  # what counts
        self.reason = "nothing was wrong so far"

    def update(self, signals: Signals, now: float) -> Transition | None:
        """Take in the signals of `now`, in seconds, monotonic; the change that follows, if one does."""
        need = self._gauges.take(signals, now)
        words = self._advance(need, now)
        forced = signals.override
        if forced is None or forced.level is None:
            wanted, words = self.automatic, words or f"no override any more; {need.words}"
        else:
            wanted, words = forced_state(forced.level), f"an operator's override of {forced.about}"
        if wanted == self.state:
            return None
        made = Transition(now, self.state, wanted, words)
        self.state, self.reason = wanted, words
        return made

    def _advance(self, need: Need, now: float) -> str:
        """Move the machine below any override; why it moved, empty where it did not."""
        grade = self.automatic.grade
        if need.grade >= grade:
            self._less_since = None
        elif self._less_since is None:
            self._less_since = now
        after = self._next(need, now)
        if after is None:
            return ""
        for_s = now - (self._since if self._less_since is None else self._less_since)
        self.automatic, self._since, self._less_since = after, now, None
        return need.words if after.grade > grade else f"better for {for_s:.0f} s; {need.words}"

    def _next(self, need: Need, now: float) -> State | None:
        """Where to go, if the time has come."""
        mode, level = self.automatic
        held_s = now - self._since
        less_s = 0.0 if self._less_since is None else now - self._less_since
        if need.grade > self.automatic.grade:
            if held_s < RISE_S:
                return None
            raised = mode is not Mode.CLEAR and need.level >= 2
            return State(Mode.MONSOON, need.level) if raised else State(Mode.WATCH, min(need.level, 1))
        if mode is Mode.RECOVERING:
            return _calmer(need) if held_s >= self._dwell_s else None
        if mode is Mode.WATCH and less_s >= _WATCH * self._dwell_s:
            return _calmer(need)
        if mode is Mode.MONSOON and need.level < 2:
            return State(Mode.RECOVERING, 1) if less_s >= _EASE * self._dwell_s else None
        if mode is Mode.MONSOON and need.level < level and less_s >= self._dwell_s:
            return State(Mode.MONSOON, need.level)
        return None


def forced_state(level: int) -> State:
    """The mode that goes with a level that somebody sets."""
    return State(Mode.CLEAR if level == 0 else Mode.WATCH if level == 1 else Mode.MONSOON, level)


def _calmer(need: Need) -> State:
    return State(Mode.WATCH, min(need.level, 1)) if need.grade else State(Mode.CLEAR, 0)
