"""Viewers that this node sent to others and that their reports cannot show yet."""

from collections import deque

from edge.state.view import ClusterView

STEP_S = 0.05
KEPT_S = 2.0  # a viewer who has not shown up by then went elsewhere
SHOWS_S = 0.5  # a report may be this much older than its arrival, and a viewer's way takes time, too


class Assigned:
    """Counts by node and time, in steps of `STEP_S`; bounded by the nodes and by `KEPT_S`."""

    def __init__(self) -> None:
        self._sent: dict[str, deque[tuple[int, int]]] = {}  # step and viewers, by node

    def add(self, node: str, now: float) -> None:
        """A viewer was sent to `node`."""
        step = int(now / STEP_S)
        sent = self._sent.get(node)
        if sent is None:
            self._sent[node] = deque([(step, 1)])
        elif sent[-1][0] == step:
            sent[-1] = (step, sent[-1][1] + 1)
        else:
            sent.append((step, 1))
            while sent[0][0] < step - KEPT_S / STEP_S:
                sent.popleft()

    def counts(self, view: ClusterView, now: float) -> dict[str, int]:
        """Viewers on their way to each node: those sent after its last report was made, as far as that can be told."""
        found: dict[str, int] = {}
        if not self._sent:
            return found
        reports = {one.name: one.load.at for one in view.nodes if one.name in self._sent and one.load}
        for name in list(self._sent):
            since = max(now - KEPT_S, reports.get(name, 0.0) - SHOWS_S) / STEP_S
            sent = self._sent[name]
            while sent and sent[0][0] + 1 <= since:
                sent.popleft()
            if sent:
                found[name] = sum(count for _, count in sent)
            else:
                del self._sent[name]
        return found
