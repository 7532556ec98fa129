"""`python -m loadtest report` and `compare`: pages from the report.json of runs."""

import sys
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from loadtest.report import compare, page
from loadtest.report.compare import Difference
from loadtest.report.figures import figure
from loadtest.report.read import read

_COLOURS = {"better": "green", "holds now": "green", "worse": "yellow", "now missed": "red", "": "default"}


@click.command("report")
@click.argument("path", type=click.Path(path_type=Path))
def report_command(path: Path) -> None:
    """Make report.html anew from the report.json at PATH, or in that folder."""
    made = page.write(read(path), path if path.is_dir() else path.parent)
    Console().print(f"The page is {made}.", highlight=False)


@click.command("compare")
@click.argument("a", type=click.Path(path_type=Path))
@click.argument("b", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("build/compare"),
    show_default=True,
    help="Folder of compare.html.",
)
def compare_command(a: Path, b: Path, out: Path) -> None:
    """Compare run B with run A, each a report.json or its folder; exit code 1 where B misses what A held."""
    first, second = compare.pair(read(a), read(b))
    every = compare.differences(first, second)
    console = Console()
    if changed := [one for one in every if one.differs]:
        console.print(table(changed))
    else:
        console.print("Both runs found the same.")
    console.print(f"The page is {compare.write(first, second, out)}.", highlight=False)
    if lost := [one.name for one in every if one.lost]:
        console.print(f"B misses what A held: {', '.join(lost)}", highlight=False)
        sys.exit(1)


def table(changed: list[Difference]) -> Table:
    """Figures that differ, for a terminal."""
    shown = Table(box=SIMPLE)
    for name in ("figure", "A", "B", "difference", "", "expected"):
        shown.add_column(name, justify="right" if name in ("A", "B", "difference") else "left")
    for one in changed:
        word = f"[{_COLOURS[one.word]}]{one.word}" if one.word else ""
        shown.add_row(one.name, figure(one.a), figure(one.b), one.change, word, one.expected)
    return shown
