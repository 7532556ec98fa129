"""`python -m loadtest sim`: a match on a simulated fleet, with a verdict for all that its scenario expects."""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from loadtest.report import page
from loadtest.rows import number
from loadtest.scenario.load import load
from loadtest.sim.fluid.known import measured
from loadtest.sim.fluid.pool import pool_of
from loadtest.sim.fluid.report import holds, report, write
from loadtest.sim.fluid.run import SHORT_NODES, Run, Setting
from loadtest.sim.fluid.windows import windows as dated

_BAR_EVERY = 20  # seconds of the match


def play(run: Run, console: Console | None = None) -> None:
    """Simulate to the end; with a progress bar on a console."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[clock]}"),
    )
    with Progress(*columns, console=console, disable=console is None, transient=True) as bar:
        task = bar.add_task(run.scenario.name, total=run.steps, clock="0:00:00")
        for done, at_s in enumerate(run.play(), 1):
            if done % _BAR_EVERY == 0:
                bar.update(task, completed=done, clock=f"{at_s // 3600}:{at_s // 60 % 60:02}:{at_s % 60:02}")


def table(made: dict[str, Any]) -> Table:
    """The verdicts, for a terminal."""
    peak = f"{number(made['peak'])} viewers on {made['nodes']} nodes"
    shown = Table(box=SIMPLE, title=f"{made['scenario']}: {peak}, seed {made['seed']}")
    for name in ("figure", "found", "expected", "", "meaning"):
        shown.add_column(name, justify="right" if name == "found" else "left")
    for one in made["verdicts"]:
        found = "never" if one["found"] is None else _figure(one["found"])
        verdict = "[green]holds" if one["holds"] else "[red]MISSED"
        means = made["figures"][one["figure"]]["means"]
        shown.add_row(one["figure"], found, f"{one['op']} {_figure(one['value'])}", verdict, means)
    return shown


def _figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.6g}"


@click.command("sim")
@click.argument("name")
@click.option("--nodes", type=click.IntRange(1, 5000), help="Default: as many as the scenario says.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder of report.html and report.json. Default: build/sim/NAME.",
)
@click.option("--short", is_flag=True, help="Few nodes with their share of the audience; minutes, not hours.")
@click.option(
    "--windows/--no-windows",
    default=None,
    help="Packet by packet around dated events. Default: if not --short.",
)
def sim_command(  # noqa: PLR0913, PLR0917  (click hands over each option)
    name: str, nodes: int | None, seed: int, out: Path | None, short: bool, windows: bool | None
) -> None:
    """Simulate the match NAME, a scenario's name or file; exit code 1 where an expectation is missed."""
    scenario = load(name)
    size = nodes or (SHORT_NODES if short else scenario.fleet.nodes)
    finely = not short if windows is None else windows
    setting = Setting(scenario, size, seed, measured(), short, dated(scenario, size, seed) if finely else ())
    console = Console()
    with pool_of(setting.windows) as looking:
        run = Run(setting, looking=looking)
        play(run, console)
    made = report(run, datetime.now(UTC).date())
    folder = out or Path("build") / "sim" / scenario.name
    write(made, folder)
    console.print(table(made))
    console.print(f"The report is in {page.write(made, folder)}.", highlight=False)
    if not holds(made):
        sys.exit(1)
