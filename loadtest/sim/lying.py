"""`python -m loadtest liars`: what comes of each lie that a node can tell, as a table."""

from collections.abc import Sequence

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from loadtest.sim.forging import FORGERIES
from loadtest.sim.liars import HARMLESS, LIES, NODES, Found, told

_ALL = LIES | FORGERIES


def _worst(seconds: Sequence[float | None]) -> str:
    """The longest; `never` if that is so once."""
    known = [one for one in seconds if one is not None]
    return f"{max(known):.1f} s" if len(known) == len(seconds) else "never"


def _row(name: str, found: Sequence[Found]) -> tuple[str, ...]:
    shunned, believed = "–", "–"
    if name not in HARMLESS:
        shunned = _worst([one.shunned_s for one in found])
        believed = _worst([one.believed_s for one in found])
    shifts = (max(100 * one.shift for one in found), max(100 * one.of_new for one in found))
    wronged = sum(len(one.wronged) for one in found)
    return name, *(f"{one:.1f}" for one in shifts), shunned, believed, str(wronged)


@click.command("liars")
@click.argument("lies", nargs=-1, type=click.Choice(sorted(_ALL)))
@click.option("--seeds", type=click.IntRange(1), default=5, show_default=True, help="Runs of each lie.")
@click.option("--loss", type=click.FloatRange(0, 0.9), default=0.0, show_default=True, help="Of datagrams.")
def liars_command(lies: tuple[str, ...], seeds: int, loss: float) -> None:
    """Play lies of one node in a cluster; of all runs the worst is shown."""
    table = Table(
        "lie",
        "shifted, % of all",
        "of new",
        "shunned by all after",
        "believed again after",
        "honest shunned",
        box=SIMPLE,
        title=f"one liar of {NODES}, {seeds} runs each, loss {loss:.0%}",
    )
    for name in lies or _ALL:
        table.add_row(*_row(name, [told(_ALL[name], seed, loss) for seed in range(1, seeds + 1)]))
    Console(width=100).print(table)
