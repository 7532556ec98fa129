"""Single pings of a node that doubts itself, beside its probes: they tell how good its link is, and accuse nobody.

Local health makes its probes as rare as one in nine periods, so that it accuses few; too few to learn that it is its
own link that loses datagrams.
"""

from collections.abc import Iterator
from functools import partial

from edge.gossip.core import Core
from edge.gossip.rtt import RTO_MAX_S
from edge.model import Status
from edge.wire.messages import Ack, Ping, encode

_EVERY = 2  # periods of probing; where probes come as often, there are none


class Glances:
    """Pings of members that are alive, one at a time.

    Args:
        core: shared state; its tries count whether they were answered.
        seqs: numbers that no probe has.
        now: the time.
    """

    def __init__(self, core: Core, seqs: Iterator[int], now: float) -> None:
        self._core = core
        self._seqs = seqs
        self._asked: dict[int, str] = {}
        core.timers.at(now + core.config.probe_period_s, self._look)

    def ack(self, message: Ack, now: float) -> None:
        """An answer to no probe."""
        if self._asked.get(message.seq) == message.source:
            del self._asked[message.seq]
            self._core.tries.add(now, answered=True)

    def start_over(self) -> None:
        """This process stood still: answers may wait unread, so what was asked before counts neither way."""
        self._asked.clear()

    def _look(self, now: float) -> None:
        core = self._core
        period_s = core.pace(now).probe_period_s
        core.timers.at(now + _EVERY * period_s, self._look)
        if core.awareness.multiplier <= _EVERY:
            return
        for one in core.sample(1, Status.ALIVE):
            seq = next(self._seqs)
            self._asked[seq] = one.name
            core.outbox.send(one.address, encode(Ping(seq, core.name, one.name)))
            core.timers.at(now + RTO_MAX_S, partial(self._over, seq))

    def _over(self, seq: int, now: float) -> None:
        if self._asked.pop(seq, None):
            self._core.tries.add(now, answered=False)
