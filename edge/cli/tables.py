"""How commands print tables: as wide as the terminal, and where there is none, as wide as the table."""

from rich.console import Console
from rich.table import Table

STYLES = {"alive": "green", "suspect": "yellow", "unreachable": "red", "left": "dim"}  # of members
_WIDTH_OF_A_FILE = 200  # columns; names are bounded, so every line fits


def console(*, markup: bool = True) -> Console:
    """Where to print; `markup` is rich's, in square brackets."""
    made = Console(highlight=False, markup=markup)
    if not made.is_terminal:
        made.width = _WIDTH_OF_A_FILE
    return made


def plain_table() -> Table:
    """Columns without lines."""
    return Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))


def printable(text: str) -> str:
    """Without what a terminal would obey: names and paths come from the network."""
    return text if text.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in text)
