"""Which origin is asked: the lowest priority that has a usable one, within it by weighted rendezvous of the path.

So each origin is asked for the same share of the paths by every node, and its own cache works. An origin that fails
some fills in a row is left alone for a while (a circuit breaker); then one request tries it, and the pause doubles as
long as that is in vain. Checks, where there are any, find out without viewers: an origin that fails them is not asked,
and one that has a check to pass is not tried by a viewer's request. When none is usable, the one whose last failure is
the oldest is asked, so that they take turns and a recovery is noticed.

No clock and no randomness here: both come in.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from edge.config.origins import OriginConfig, OriginServer
from edge.decide.rendezvous import score

_TRIAL_S = 10.0  # a trial that nothing is heard of for so long is forgotten
_JITTER = 0.2  # of pauses, so that nodes do not try all at once


@dataclass(slots=True, eq=False)
class OriginState:
    """What is known of one origin."""

    server: OriginServer
    failures: int = 0  # fills that failed, in a row
    check_failures: int = 0  # checks that failed, in a row
    pauses: int = 0  # in a row
    paused_until: float | None = None  # the breaker is open; seconds, the caller's clock
    trial_until: float = -math.inf  # a request is trying it
    last_failure: float = -math.inf
    last_reason: str = ""
    requests: int = 0
    checks: int = 0
    checks_failed: int = 0
    failed: dict[str, int] = field(default_factory=dict)  # requests that failed, by reason, a fixed few


class Origins:
    """All origins of one node.

    Args:
        servers: at least one.
        config: when an origin counts as failing.
        rng: jitter of pauses.
    """

    def __init__(self, servers: Sequence[OriginServer], config: OriginConfig, rng: random.Random) -> None:
        self._config = config
        self._rng = rng
        self.states = tuple(OriginState(server) for server in servers)

    def is_up(self, state: OriginState) -> bool:
        """Whether it is asked, for all that is known; False while a trial is due or under way, too."""
        return state.paused_until is None and self._passes(state)

    def choose(self, path: str, now: float, tried: Sequence[OriginState] = ()) -> OriginState:
        """Whom to ask for `path`; one that was tried only where no other is usable.

        Args:
            path: what is asked for.
            now: seconds, the caller's clock.
            tried: whom this fill has asked in vain, in order.
        """
        if usable := [one for one in self.states if one not in tried and self._is_usable(one, now)]:
            return min(usable, key=lambda one: self._rank(path, one))
        if tried and self.is_up(tried[-1]):
            return tried[-1]
        return min(self.states, key=lambda one: (one.last_failure, *self._rank(path, one)))

    def others(self, tried: Sequence[OriginState], now: float) -> bool:
        """Whether there is a usable one that was not tried."""
        return any(one not in tried and self._is_usable(one, now) for one in self.states)

    def asked(self, state: OriginState, now: float) -> None:
        """A request goes to it. What becomes of it is told by `succeeded`, `failed` or `unknown`."""
        state.requests += 1
        if state.paused_until is not None:
            state.trial_until = now + _TRIAL_S

    def succeeded(self, state: OriginState) -> None:
        """It answered a fill."""
        state.failures = state.pauses = 0
        self._resume(state)

    def failed(self, state: OriginState, reason: str, now: float) -> None:
        """It failed a fill, by its own fault."""
        state.failures += 1
        state.failed[reason] = state.failed.get(reason, 0) + 1
        state.last_failure, state.last_reason = now, reason
        state.trial_until = -math.inf
        until = state.paused_until
        # What fails in a pause began before it, or was asked for want of a better one.
        due = state.failures >= self._config.failures if until is None else now >= until
        if due:
            self._pause(state, now)

    def unknown(self, state: OriginState) -> None:
        """A request to it ended without a word on its health."""
        state.trial_until = -math.inf

    def checked(self, state: OriginState, well: bool, now: float) -> None:
        """It passed a check, or failed it.

        A pass ends a pause that is over. The next pause is longer all the same, until a fill is answered.
        """
        state.checks += 1
        state.checks_failed += not well
        state.check_failures = 0 if well else state.check_failures + 1
        if well and state.paused_until is not None and now >= state.paused_until:
            state.failures = 0
            self._resume(state)

    def _is_usable(self, state: OriginState, now: float) -> bool:
        if state.paused_until is None:
            return self._passes(state)
        due = now >= state.paused_until and state.trial_until <= now
        return due and not self._config.check_path

    def _passes(self, state: OriginState) -> bool:
        return state.check_failures < self._config.failures

    def _pause(self, state: OriginState, now: float) -> None:
        doubled = self._config.pause_min_s * 2.0 ** min(state.pauses, 30)
        pause_s = min(doubled, self._config.pause_max_s) * self._rng.uniform(1 - _JITTER, 1)
        state.pauses += 1
        state.paused_until = now + pause_s

    def _resume(self, state: OriginState) -> None:
        state.paused_until = None
        state.trial_until = -math.inf

    def _rank(self, path: str, state: OriginState) -> tuple[int, float, str]:
        server = state.server
        return (server.priority, -score(path, server.name, server.weight), server.name)
