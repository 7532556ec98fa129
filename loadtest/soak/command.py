"""`python -m loadtest soak`: modest load for an hour, and whether memory stays flat."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from edge.cli.service import run_service
from loadtest.drive import local
from loadtest.sim.fluid.report import write
from loadtest.soak.run import Setting, soak
from loadtest.soak.verdict import JUDGED_MIN_S, WARM_UP_SHARE
from loadtest.soak.watch import Watch

_SAY_EVERY = 6  # looks
_MB = 1e6


@click.command("soak")
@click.argument("minutes", type=click.FloatRange(0.2, 10_000), default=75.0)
@click.option("--nodes", type=click.IntRange(2, local.NODES_MAX), default=6, show_default=True)
@click.option("--viewers", type=click.IntRange(1, 5000), default=24, show_default=True)
@click.option(
    "--every-s", type=click.FloatRange(0.5, 600), default=10.0, show_default=True, help="Between samples."
)
@click.option("--key/--no-key", default=True, show_default=True, help="Seal gossip with a key of its own.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/soak"), show_default=True)
def soak_command(minutes: float, out: Path, **given: Any) -> None:
    """Watch real nodes for MINUTES under modest load and trouble; exit code 1 where memory or descriptors rise."""
    setting = Setting(length_s=60 * minutes, folder=out, **given)
    console = Console()
    looks = 0

    def show(at_s: float, watch: Watch) -> None:
        nonlocal looks
        looks += 1
        if looks % _SAY_EVERY == 1:
            newest = {one.node: one for one in watch.samples}.values()
            memory = ", ".join(f"{one.node} {one.own_bytes / _MB:.1f}" for one in newest)
            console.print(f"{at_s:.0f} s of {setting.length_s:.0f}: own MB: {memory}", highlight=False)

    async def work(stop: asyncio.Event) -> dict[str, Any]:
        return await soak(setting, stop, show)

    made = run_service(work)
    write(made, out)
    console.print(_table(made))
    console.print(f"The report is in {out}.", highlight=False)
    if not any(one["judged"] for one in made["verdicts"]):
        least = JUDGED_MIN_S / (1 - WARM_UP_SHARE) / 60
        console.print(f"[yellow]too short to judge memory by: take {least:.0f} minutes or more")
    if not made["holds"]:
        sys.exit(1)


def _table(made: dict[str, Any]) -> Table:
    shown = Table(box=SIMPLE, title=f"{made['seconds'] / 60:.1f} minutes, {made['nodes']} nodes")
    for name in ("node", "own MB", "rises an hour", "allowed", "files an hour", "cores", ""):
        shown.add_column(name, justify="left" if name in {"node", ""} else "right")
    for one in made["verdicts"]:
        verdict = {True: "[green]flat", False: "[red]RISES", None: "not judged"}[one["flat"]]
        shown.add_row(
            one["node"],
            f"{one['median_bytes'] / _MB:.1f}",
            f"{one['rise_bytes_h'] / _MB:+.2f}",
            f"{one['allowed_bytes_h'] / _MB:.2f}",
            f"{one['rise_files_h']:+.1f}",
            f"{one['cores']:.3f}",
            verdict,
        )
    for name in made["died"]:
        shown.add_row(name, "", "", "", "", "", "[red]DIED")
    return shown
