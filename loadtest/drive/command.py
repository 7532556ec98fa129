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
from loadtest.drive.meeting import Guest, Host, Meeting, Place
from loadtest.drive.merge import SAME, merge, read
from loadtest.drive.printed import printed
from loadtest.drive.run import Setting, drive
from loadtest.drive.series import Second
from loadtest.scenario.load import load

_SAY_EVERY_S = 10  # in a log
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
@click.option(
    "--index",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    envvar="JOB_COMPLETION_INDEX",
    help="Which share this is; on Kubernetes the pod's of an Indexed Job.",
)
@click.option("--of", type=click.IntRange(1, 10_000), default=1, show_default=True, help="How many machines.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Default: build/drive/NAME.")
@click.option("--meet", metavar="HOST:PORT", help="Where machine 0 is: begin with it, and have one report.")
@click.option("--page/--no-page", default=True, help="Draw report.html.", show_default=True)
@click.option("--print-report", is_flag=True, help="Print the report as a line for `merge`, too.")
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
    made = asyncio.run(_together(setting, place(given["meet"], setting), console))
    if given["print_report"]:
        print(printed(made), flush=True)
    folder = given["out"] or Path("build") / "drive" / scenario.name
    if given["meet"] and setting.index:  # the first machine judges all of them together
        console.print(f"The share is in {report.write(made, folder)}, and in the report of machine 0.")
        return
    _end(made, folder, console, page=given["page"])


@click.command("merge")
@click.argument("reports", nargs=-1, required=True, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder of report.json.")
def merge_command(reports: tuple[Path, ...], out: Path) -> None:
    """Add up the REPORTS of several machines that drove the same scenario; exit code 1 where a verdict is missed."""
    _end(merge([read(one) for one in reports]), out, Console())


async def _together(setting: Setting, at: Place | None, console: Console) -> dict[str, Any]:
    """The report; of all machines on the first one, where they meet."""
    if not at:
        return await _driven(setting, console)
    console.print(f"machine {at.index} of {at.of}, waiting for all", highlight=False)
    if at.index:
        async with Guest(at) as guest:
            made = await _driven(setting, console, guest)
            await guest.hand_over(made)
            return made
    async with Host(at) as host:
        all_of_them, lacking = await host.gather(await _driven(setting, console, host))
    for index in lacking:
        console.print(f"[red]the report of machine {index} did not come")
    return merge(all_of_them)


async def _driven(setting: Setting, console: Console, meeting: Meeting | None = None) -> dict[str, Any]:
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
            if not console.is_terminal and not done_s % _SAY_EVERY_S:
                console.print(f"{done_s} s of {setting.seconds:.0f}: {told}", highlight=False)

        return await drive(setting, show, meeting)


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


def place(meet: str | None, setting: Setting) -> Place | None:
    """Where machines meet, from HOST:PORT.

    Raises:
        ConfigError: it is none, or there is nobody to meet.
    """
    if not meet:
        return None
    host, _, port = meet.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        raise ConfigError("--meet", f"{meet} is no HOST:PORT", "write e.g. drive-0.drive:7790")
    run = {"scenario": setting.scenario.name} | {name: getattr(setting, name) for name in SAME[2:]}
    return Place(host, int(port), setting.index, setting.of, run)


def _path(path: str) -> str:
    if not path.startswith("/"):
        raise ConfigError("--path", f"{path} does not begin with /", "write e.g. /live/main.m3u8")
    return path


def _end(made: dict[str, Any], folder: Path, console: Console, *, page: bool = True) -> None:
    written = report.write(made, folder)
    console.print(table(made))
    for line in lines(made):
        console.print(line, highlight=False)
    if page:
        from loadtest.report.page import write  # machines that only drive have nothing to draw with

        written = write(made, folder)
    console.print(f"The report is in {written}.", highlight=False)
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
