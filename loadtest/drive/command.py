"""`python -m loadtest drive` and `merge`: real viewers, and one report of several machines."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table

from edge.model import ConfigError
from loadtest.drive import local, report
from loadtest.drive.merge import merge, read
from loadtest.drive.run import Setting, drive
from loadtest.drive.series import Second
from loadtest.report import page
from loadtest.scenario.load import load

_COUNTED = "sessions", "segments", "rerouted", "steered", "capped", "skipped", "abandoned"


@click.command("drive")
@click.argument("name", metavar="SCENARIO")
@click.option(
    "--local", "nodes", type=click.IntRange(1, local.NODES_MAX), help="Start an origin and so many nodes."
)
@click.option("--backend", type=click.Choice(local.BACKENDS), default="embedded", show_default=True)
@click.option("--url", "urls", multiple=True, help="Entry point of a running cluster; may be repeated.")
@click.option("--path", default=local.PATH, show_default=True, help="What is watched.")
@click.option("--viewers", type=click.IntRange(1, 1_000_000), default=500, show_default=True)
@click.option("--speed", type=click.FloatRange(0.01, 1000), default=1.0, show_default=True)
@click.option(
    "--max-rate",
    type=click.IntRange(1, 1_000_000),
    default=5000,
    show_default=True,
    help="Most requests a second of this machine; more are not sent, and counted.",
)
@click.option("--workers", type=click.IntRange(1, 256), help="Processes. Default: one for each core.")
@click.option("--index", type=click.IntRange(0), default=0, show_default=True, help="Which share this is.")
@click.option("--of", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many machines.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Default: build/drive/NAME.")
@click.option("--route/--no-route", default=True, help="Ask /v1/route first.", show_default=True)
def drive_command(**given: Any) -> None:
    """Let real viewers watch as SCENARIO has it; exit code 1 where requests fail outside its faults."""
    scenario = load(given["name"])
    setting = Setting(
        scenario=scenario,
        nodes=_nodes(given),
        backend=given["backend"],
        urls=tuple(_entry(url) for url in given["urls"]),
        path=_path(given["path"]),
        viewers=given["viewers"],
        speed=given["speed"],
        max_rate=given["max_rate"],
        workers=given["workers"] or os.cpu_count() or 1,
        index=given["index"],
        of=given["of"],
        seed=given["seed"],
        route=given["route"],
    )
    console = Console()
    made = asyncio.run(_driven(setting, console))
    _end(made, given["out"] or Path("build") / "drive" / scenario.name, console)


@click.command("merge")
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of report.json.")
def merge_command(reports: tuple[Path, ...], out: Path) -> None:
    """Add up the REPORTS of several machines that drove the same scenario; exit code 1 where a verdict is missed."""
    _end(merge([read(one) for one in reports]), out, Console())


async def _driven(setting: Setting, console: Console) -> dict[str, Any]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[told]}"),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(setting.scenario.name, total=setting.seconds, told="starting")
        failed = 0

        def show(done_s: int, last: Second) -> None:
            nonlocal failed
            failed += last.failed
            told = f"{last.viewers} viewers, {last.requests}/s, {failed} failed"
            bar.update(task, completed=done_s, told=told)

        return await drive(setting, show)


def _nodes(given: dict[str, Any]) -> int:
    """How many to start; 0 where there is a cluster."""
    if given["nodes"] and given["urls"]:
        raise ConfigError(
            "--local", "is given with --url", "give one of them: own nodes, or a running cluster"
        )
    if not given["nodes"] and not given["urls"]:
        raise ConfigError("drive", "has nothing to ask", "give --local 8, or --url http://… of a cluster")
    if given["index"] >= given["of"]:
        raise ConfigError(
            "--index", f"{given['index']} is none of {given['of']}", "count from 0 to --of less 1"
        )
    return given["nodes"] or 0


def _entry(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query:
        raise ConfigError("--url", f"{url} is no entry point", "write e.g. http://edge.example:8080")
    return url.rstrip("/")


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise ConfigError("--path", f"{path} does not begin with /", "write e.g. /live/main.m3u8")
    return path


def _end(made: dict[str, Any], folder: Path, console: Console) -> None:
    report.write(made, folder)
    console.print(table(made))
    for line in lines(made):
        console.print(line, highlight=False)
    console.print(f"The report is in {page.write(made, folder)}.", highlight=False)
    if not report.holds(made):
        sys.exit(1)


def table(made: dict[str, Any]) -> Table:
    """Latencies by kind, and the verdicts, for a terminal."""
    shown = Table(box=SIMPLE, title=f"{made['scenario']}: {made['asked']} viewers, seed {made['seed']}")
    shown.add_column("")
    for name in ("count", "p50", "p90", "p99", "p99.9", "most"):
        shown.add_column(name, justify="right")
    for kind, one in {**made["latency_ms"], "picture": made["startup_ms"]}.items():
        cells = [_short(one[name]) for name in ("p50", "p90", "p99", "p999", "max")]
        shown.add_row(f"{kind}, ms", f"{one['count']:,.0f}", *cells)
    shown.add_section()
    for one in made["verdicts"]:
        missed = "[yellow]told" if one["told"] else "[red]MISSED"
        verdict = "[green]holds" if one["holds"] else missed
        shown.add_row(one["figure"], _short(one["found"]), f"{one['op']} {_short(one['value'])}", verdict)
    return shown


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def lines(made: dict[str, Any]) -> list[str]:
    """What else a person wants to know."""
    counts, stalls, series = made["counts"], made["stalls"], made["series"]
    told = [
        f"{counts['requests']:,.0f} requests in {made['seconds']:.0f} s, most {max(series['requests']):,.0f} a second "
        f"of {made['max_rate']:,} allowed; {counts['bytes'] / 1e6:,.0f} MB",
        ", ".join(f"{counts.get(name, 0):,.0f} {name}" for name in _COUNTED),
        f"{stalls['count']:,.0f} stalls of {stalls['seconds']:.1f} s in all, {stalls['share']:.4%} of what was watched",
        f"{made['failed_in_faults']} requests failed in faults, or {made['grace_s']:g} s after",
    ]
    told += [f"outside: {reason}, {count} times" for reason, count in made["errors_outside"].items()]
    told += [f"left out: {one['kind']} at {one['at_s']:g} s, {one['why']}" for one in made["left_out"]]
    if counts["held_back"]:
        told.append(f"{counts['held_back']:,.0f} requests were held back by --max-rate")
    return told
