"""The newest report of each node: one table for load, one for popularity."""

from typing import Generic, Protocol, TypeVar

from msgspec import Struct

Value = TypeVar("Value")


class Row(Protocol):
    """What names a node and a version of what it reports."""

    @property
    def node(self) -> str:
        """Whose report it is."""

    @property
    def version(self) -> int:
        """The higher is the newer."""


RowType = TypeVar("RowType", bound=Row)


class Report(Struct, Generic[Value], frozen=True, gc=False):
    """One report as it is held."""

    version: int
    value: Value
    at: float  # when it arrived here, seconds
    applied: int = 0  # for loads: digest of the durable events that the node has acted on


class ReportTable(Generic[Value]):
    """Newest report by node. A report may come before the record of its node; the caller forgets who is no member.

    Args:
        nodes_max: bound of the table; reports of further nodes are refused.
    """

    def __init__(self, nodes_max: int) -> None:
        self._nodes_max = nodes_max
        self._held: dict[str, Report[Value]] = {}

    def news(self, rows: list[RowType]) -> list[RowType]:
        """The rows that are newer than what is held of their nodes; most of what is heard is not."""
        held = self._held.get
        return [row for row in rows if (known := held(row.node)) is None or row.version > known.version]

    def put(self, node: str, report: Report[Value]) -> bool:
        """Keep `report` if it is newer than what is held."""
        held = self._held.get(node)
        if held is None:
            if len(self._held) >= self._nodes_max:
                return False
        elif held.version >= report.version:
            return False
        self._held[node] = report
        return True

    def get(self, node: str) -> Report[Value] | None:
        """What is held of `node`."""
        return self._held.get(node)

    def forget(self, node: str, before: int | None = None) -> None:
        """Drop what is held of `node`, if anything, or only what is older than version `before`."""
        held = self._held.get(node)
        if held is not None and (before is None or held.version < before):
            del self._held[node]

    def nodes(self) -> list[str]:
        """Whose reports are held."""
        return list(self._held)

    def __len__(self) -> int:
        return len(self._held)
