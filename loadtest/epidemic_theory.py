"""How fast news spreads in theory: closed forms, the SIR model as an ODE, and the same model with the ways' delays.

A node that has heard tells it on until it has sent it `limit` times, then falls silent (infect and die): susceptible,
infective, removed. With s and i the shares of nodes that have not heard and that tell, and β contacts a second:

    s' = -β·s·i      i' = β·s·i - (β/limit)·i                                  SIR (Kermack and McKendrick 1927)

Push and pull share this equation as long as contacts come at random moments. A node that asks at regular intervals
cannot be unlucky for long, so the end of a pull is p ← p² an interval, while push ends with p ← p·e^-(1-p).

Sources:
    N. T. J. Bailey, The Mathematical Theory of Infectious Diseases, 1975 (logistic curve, final size).
    A. Demers et al., Epidemic Algorithms for Replicated Database Maintenance, 1987 (residue, push against pull).
    R. Karp et al., Randomized Rumor Spreading, 2000 (quadratic end of a pull).
    O. Diekmann, J. A. P. Heesterbeek, Mathematical Epidemiology of Infectious Diseases, 2000 (renewal equation).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from loadtest.sim.cities import one_way_s, places
from loadtest.sim.network import Quality
from loadtest.sim.rumour import Setting

Ways = tuple[tuple[float, float], ...]  # delay in seconds, share of all pairs of nodes
STEP_S = 0.00025  # of integration: below half of the shortest way
_JITTERS = (1 / 6, 1 / 2, 5 / 6)  # the jitter is uniform: three equal parts stand for it
_END = 1e-9  # share of nodes that tell, or that have not heard, at which a spread is over


@dataclass(frozen=True, slots=True)
class Curve:
    """Share of nodes that know, from 0 s on, a value each `step_s`."""

    step_s: float
    known: tuple[float, ...]

    def at(self, seconds: float) -> float:
        """The share at a moment, 0 to 1; before the start and after the end it is what it is there."""
        place = min(max(0.0, seconds / self.step_s), len(self.known) - 1.0)
        low = min(int(place), len(self.known) - 2)
        return self.known[low] + (place - low) * (self.known[low + 1] - self.known[low])

    def time_s(self, share: float) -> float | None:
        """When this share knows; None if that many never do."""
        for index, known in enumerate(self.known):
            if known >= share:
                before = self.known[index - 1] if index else known
                back = (known - share) / (known - before) if known > before else 0.0
                return (index - back) * self.step_s
        return None


@dataclass(frozen=True, slots=True)
class Model:
    """What theory knows of a way of spreading.

    Args:
        nodes: size of the cluster; one of them knows at the start.
        push_per_s: contacts a second in which a node tells.
        pull_per_s: contacts a second in which it asks, at regular intervals.
        burst: peers that it tells at once when it hears.
        limit: how often a node tells in all.
        loss: chance that a datagram is lost, 0 to 1.
        ways: delays of the network.
    """

    nodes: int
    push_per_s: float
    pull_per_s: float
    burst: int
    limit: int
    loss: float
    ways: Ways

    @property
    def contact_per_s(self) -> float:
        """β: contacts a second and telling node that pass the event on, if the other has not heard."""
        arrives = 1 - self.loss
        return self.push_per_s * arrives + self.pull_per_s * arrives**2

    @property
    def send_per_s(self) -> float:
        """Sends a second of one telling node: an answer goes out when the question came in."""
        return self.push_per_s + self.pull_per_s * (1 - self.loss)


def model_of(setting: Setting) -> Model:
    """The theory of a setting; nothing in it is fitted to a run.

    Contacts come at fanout / tick. What is forwarded at once counts among the limited sends. In production (`eager`)
    the event also rides on a probe's question and on its answer, one of each a probe period.
    """
    config = setting.config
    rate = config.fanout / config.tick_min_s
    riders = 2 / config.probe_period_s if setting.mode == "eager" else 0.0
    return Model(
        nodes=setting.nodes,
        push_per_s=0.0 if config.exchange == "pull" else rate + riders,
        pull_per_s=0.0 if config.exchange == "push" else rate,
        burst=config.eager_fanout,
        limit=setting.limit,
        loss=setting.loss,
        ways=ways(setting.nodes),
    )


def ways(nodes: int) -> Ways:
    """Delays between two random nodes of the latency model, jitter included."""
    shares: dict[float, float] = {}
    chosen = {place.city: place for place in places(nodes)}
    weights = dict.fromkeys(chosen, 0.0)
    for place in places(nodes):
        weights[place.city] += 1 / nodes
    for a, one in chosen.items():
        for b, other in chosen.items():
            for part in _JITTERS:
                delay_s = one_way_s(one, other) * (1 + Quality().jitter * part)
                shares[delay_s] = shares.get(delay_s, 0.0) + weights[a] * weights[b] / len(_JITTERS)
    return tuple(sorted(shares.items()))


def logistic(seconds: float, beta_per_s: float, first: float) -> float:
    """Share that knows after a time, from the share `first` on, when nobody falls silent (Bailey 1975)."""
    return 1 / (1 + (1 / first - 1) * math.exp(-beta_per_s * seconds))


def logistic_time_s(share: float, beta_per_s: float, first: float) -> float:
    """When the logistic curve comes to `share`."""
    return math.log(share / (1 - share) * (1 / first - 1)) / beta_per_s


def final_residue(sends: float) -> float:
    """Share never reached when each node that hears sends so often to random others.

    The final size of an epidemic, s = e^(-sends·(1-s)) (Bailey 1975): each of the 1-s sends, and m datagrams a node
    leave e^-m of the nodes without one (Demers et al. 1987).
    """
    residue = 0.0
    for _ in range(1000):  # from below it rises to the lesser root, which is the one below 1
        residue = math.exp(-sends * (1 - residue))
    return residue


def sir(model: Model, until_s: float = 1.0, step_s: float = STEP_S) -> Curve:
    """The SIR model as an ODE by Runge and Kutta's fourth-order method; datagrams take no time in it.

    The burst has no rate, so the ODE leaves it out.
    """
    beta, removed_per_s = model.contact_per_s, model.send_per_s / model.limit

    def slope(s: float, i: float) -> tuple[float, float]:
        return -beta * s * i, beta * s * i - removed_per_s * i

    s, i = 1 - 1 / model.nodes, 1 / model.nodes
    known = [1 - s]
    for _ in range(math.ceil(until_s / step_s)):
        s, i = _rk4(slope, s, i, step_s)
        known.append(1 - s)
    return Curve(step_s, tuple(known))


def _rk4(
    slope: Callable[[float, float], tuple[float, float]], x: float, y: float, step_s: float
) -> tuple[float, float]:
    a = slope(x, y)
    b = slope(x + step_s / 2 * a[0], y + step_s / 2 * a[1])
    c = slope(x + step_s / 2 * b[0], y + step_s / 2 * b[1])
    d = slope(x + step_s * c[0], y + step_s * c[1])
    dx, dy = ((a[k] + 2 * b[k] + 2 * c[k] + d[k]) * step_s / 6 for k in (0, 1))
    return x + dx, y + dy


def delayed(model: Model, step_s: float = STEP_S) -> Curve:
    """The SIR model with the ways' delays, an exact number of sends, the burst and regular questions.

    It is the renewal equation of the epidemic, step by step. With f(t) the share that hears at t and w the ways:

        force(t) = Σ w·(burst·f(t-way) + push·i(t-way))

    is how many datagrams that carry the event reach a node a second; a node that has not heard escapes them with
    probability e^-force. Questions leave at regular intervals: the nodes are divided by the moment of their next one.
    """
    groups = [1 - 1 / model.nodes] * (round(1 / model.pull_per_s / step_s) if model.pull_per_s else 1)
    arrives = 1 - model.loss
    lags = [(max(1, round(delay_s / step_s)), share) for delay_s, share in model.ways]
    tellers = _Tellers(model, step_s)
    known = [1 / model.nodes]
    while tellers.active(lags[-1][0]) and known[-1] < 1 - _END:
        now, before = len(known), _mean(groups)
        landed = sum(share * tellers.fresh[now - lag] for lag, share in lags if lag <= now)
        telling = sum(share * tellers.telling[now - lag] for lag, share in lags if lag <= now)
        escaped = math.exp(-arrives * (model.burst * landed + model.push_per_s * step_s * telling))
        groups = [share * escaped for share in groups]
        pushed = before - _mean(groups)
        if model.pull_per_s:
            groups[now % len(groups)] *= 1 - arrives**2 * telling
        after = _mean(groups)
        tellers.add(pushed, before - after - pushed)
        known.append(1 - after)
    return Curve(step_s, tuple(known))


class _Tellers:
    """Who tells at each step: a node does for as long as its sends last.

    In push-pull whoever is told by a question answers it with the same news, so it has one send less for others.
    """

    def __init__(self, model: Model, step_s: float) -> None:
        left = max(0, model.limit - model.burst)
        both = bool(model.push_per_s and model.pull_per_s)
        self._lasts = round(left / model.send_per_s / step_s)
        self._lasts_pushed = round(max(0, left - both) / model.send_per_s / step_s)
        self._pushed = [0.0]
        self._asked = [1 / model.nodes]
        self.fresh = [1 / model.nodes]  # share of nodes that hears at each step
        self.telling = [1 / model.nodes if self._lasts else 0.0]

    def add(self, pushed: float, asked: float) -> None:
        """The next step: these shares of nodes hear, told and having asked."""
        self._pushed.append(pushed)
        self._asked.append(asked)
        self.fresh.append(pushed + asked)
        now, total = len(self.telling), self.telling[-1] + pushed + asked
        if now >= self._lasts:
            total -= self._asked[now - self._lasts]
        if now >= self._lasts_pushed:
            total -= self._pushed[now - self._lasts_pushed]
        self.telling.append(max(0.0, total))

    def active(self, longest: int) -> bool:
        """Whether anything was told that may still be on its way, `longest` steps."""
        return max(self.telling[-longest - 1 :]) > _END or sum(self.fresh[-longest - 1 :]) > _END


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
