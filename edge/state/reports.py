"""The newest report of each node: one table for load, one for popularity."""

from typing import Generic, NamedTuple, TypeVar

Value = TypeVar("Value")


class Report(NamedTuple, Generic[Value]):
    """One report as it is held."""

    epoch: int  # ties it to one process of the node (`edge.model.epoch_of`)
    seq: int
    value: Value
    at: float  # when it arrived here, seconds


class ReportTable(Generic[Value]):
    """Newest report by node. Holds one for each member at most; the caller forgets those who leave the table."""

    def __init__(self) -> None:
        self._held: dict[str, Report[Value]] = {}

    def put(self, node: str, report: Report[Value]) -> bool:
        """Keep `report` if it is newer than what is held, or of another epoch; the caller knows the current epoch."""
        held = self._held.get(node)
        if held is not None and held.epoch == report.epoch and held.seq >= report.seq:
            return False
        self._held[node] = report
        return True

    def get(self, node: str) -> Report[Value] | None:
        """What is held of `node`."""
        return self._held.get(node)

    def forget(self, node: str) -> None:
        """Drop what is held of `node`, if anything."""
        self._held.pop(node, None)

    def __len__(self) -> int:
        return len(self._held)
