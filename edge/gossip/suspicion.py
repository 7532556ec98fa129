"""How long a member stays suspect before it is called unreachable (Lifeguard §IV.B)."""

import math

_UNHEARD = 0.01  # the chance that is taken for unlikely
_CALLED = 2  # calls that every suspicion ends with
_MISSED_MIN = 0.1  # on a better link these do
_APPEALS_MAX = 10


def least_s(mult: float, members: int, probe_period_s: float) -> float:
    """SWIM's suspicion time: it grows with log N as news needs longer to get round."""
    return mult * max(1.0, math.log10(max(1, members))) * probe_period_s


def timeout_s(least: float, greatest: float, confirmations: int, expected: int) -> float:
    """Suspicion time after `confirmations` independent accusers beyond the first, where `expected` bring it to `least`.

    It shrinks with the logarithm: the first confirmations say most.
    """
    if expected < 1 or confirmations >= expected:
        return least
    return greatest - (greatest - least) * math.log(confirmations + 1) / math.log(expected + 1)


def appeals_for(answered: float) -> int:
    """How many further calls make it unlikely that one who is there answers none of them.

    Args:
        answered: share of tries that are answered, 0 to 1.
    """
    missed = min(1 - answered, 0.9)
    if missed <= _MISSED_MIN:
        return 0
    return min(_APPEALS_MAX, math.ceil(math.log(_UNHEARD) / math.log(missed)) - _CALLED)


class Suspicion:
    """One suspected incarnation of one member, its accusers and its deadline."""

    __slots__ = ("_expected", "_greatest", "_least", "accusers", "appeals", "incarnation", "started")

    def __init__(self, incarnation: int, now: float, least: float, greatest: float, expected: int) -> None:
        self.incarnation = incarnation
        self.started = now
        self.accusers: dict[str, None] = {}  # in order of hearing
        self.appeals = 0  # further calls after the deadline
        self._least = least
        self._greatest = greatest
        self._expected = expected

    def confirm(self, accuser: str) -> bool:
        """Count an accuser once; False if it is known already or no more are needed."""
        if not self.wants(accuser):
            return False
        self.accusers[accuser] = None
        return True

    def wants(self, accuser: str) -> bool:
        """Whether this accuser would count."""
        return accuser not in self.accusers and len(self.accusers) <= self._expected

    @property
    def deadline(self) -> float:
        """When the member is to be called unreachable."""
        return self.started + timeout_s(self._least, self._greatest, len(self.accusers) - 1, self._expected)
