"""What a fuzz target is: an entrance of bytes from outside, and the law that holds there."""

from collections.abc import Callable
from dataclasses import dataclass, field

UNITS = (
    b"a",
    b"9",
    b"[",
    b'"',
    b",",
    b"=",
    b" ",
    b"%",
    b"/",
    b"\n",
    b"{",
    b"\\",
    b":",
    b";",
    b"\xff",
    b"a=1,",
    b'a="',
)


@dataclass(frozen=True, slots=True)
class Target:
    """One entrance.

    Args:
        name: of the target, and of its corpus.
        run: gives it some bytes. What it raises is a finding: errors that are declared are caught in it.
        seeds: inputs that are well-formed, to begin with.
        most_bytes: that this entrance takes; longer inputs are not tried.
        share: of the inputs of a campaign, next to the others: what is slow gets less.
        heads: beginnings after which a repeated unit may cost most.
        words: what mutations may put in.
    """

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]
    most_bytes: int = 4096
    share: float = 1.0
    heads: tuple[bytes, ...] = (b"",)
    words: tuple[bytes, ...] = field(default=())

    def grown(self, size_bytes: int) -> list[bytes]:
        """Inputs of that size that repeat themselves, where something that is not linear shows."""
        return [
            (head + unit * (size_bytes // len(unit)))[:size_bytes] for head in self.heads for unit in UNITS
        ]


class BrokenLawError(AssertionError):
    """What came out is not what the entrance promises."""


def law(holds: bool, what: str) -> None:
    """Raise where a law does not hold, whatever Python's flags.

    Raises:
        BrokenLawError: it does not.
    """
    if not holds:
        raise BrokenLawError(what)
