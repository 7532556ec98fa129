"""`edge schedule`: events that are known before, and whether there is room for them."""

import time
from typing import Any
from urllib.parse import quote

import click
import orjson
from yarl import URL

from edge.cli.ask import ask, with_majority, with_node
from edge.cli.events import awaited
from edge.cli.monsoon import duration
from edge.cli.numbers import in_short, streams, zone_shares
from edge.cli.prewarm import moment
from edge.cli.tables import console, plain_table

_WAIT_S = 2.0  # for all members to have heard of it
_PATH = "/v1/schedule"


@click.group()
def schedule() -> None:
    """Schedule events: a match, its start, and how many will watch (docs/schedule.md)."""


@schedule.command()
@click.argument("name")
@click.option(
    "--at",
    callback=moment,
    required=True,
    metavar="TIME",
    help="Its start: 19:30, 2026-11-21T19:30 or +2h.",
)
@click.option(
    "--expected-peak",
    callback=streams,
    required=True,
    metavar="N",
    help="Viewers at a time, e.g. 25M.",
)
@click.option(
    "--growth-per-minute",
    callback=streams,
    metavar="N",
    help="Viewers that come in the steepest minute, e.g. 1.1M (default: 4.4% of the peak).",
)
@click.option(
    "--duration",
    "duration_s",
    callback=duration,
    metavar="TIME",
    default="4h",
    show_default=True,
    help="How long it lasts.",
)
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="URL",
    help="What will be watched, e.g. /live/main.m3u8; repeatable.",
)
@click.option(
    "--zone",
    "zones",
    multiple=True,
    callback=zone_shares,
    metavar="NAME=SHARE",
    help="A zone's share of the viewers, e.g. mumbai=0.28; repeatable. The others share what is left.",
)
@with_majority
@with_node
def add(
    name: str, paths: tuple[str, ...], output: str, admin: str, token_file: str | None, **asked: Any
) -> None:
    """Schedule the event NAME, or change it: all nodes fetch its paths in time and gossip at full pace."""
    found = [URL(path).raw_path if "://" in path else path for path in paths]
    body = {key: value for key, value in asked.items() if value is not None}
    made = ask(admin, _PATH, token_file, body | {"name": name, "paths": found})
    made |= awaited(made, _WAIT_S, admin, token_file)
    if output == "json":
        click.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))
        return
    heard = f"{len(made['reached'])} of {made['members']} members have heard of it"
    click.echo(f"{made['name']}: begins at {_clock(made['at'])}, in {_span(made['in_s'])}; {heard}")
    _print_room(made)


@schedule.command()
@click.argument("name")
@with_majority
@with_node
def remove(name: str, majority: bool, admin: str, token_file: str | None, output: str) -> None:
    """Withdraw the event NAME."""
    path = f"{_PATH}/{quote(name, safe='')}{'?majority=1' if majority else ''}"
    made = ask(admin, path, token_file, method="DELETE")
    made |= awaited(made, _WAIT_S, admin, token_file)
    if output == "json":
        click.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))
        return
    heard = f"{len(made['reached'])} of {made['members']} members have heard of it"
    click.echo(f"{made['name']}: withdrawn; {heard}")


@schedule.command("list")
@with_node
def list_(admin: str, token_file: str | None, output: str) -> None:
    """List what is scheduled, the earliest first."""
    found = ask(admin, _PATH, token_file)
    if output == "json":
        click.echo(orjson.dumps(found["events"], option=orjson.OPT_INDENT_2))
        return
    table = plain_table()
    for name in ("EVENT", "BEGINS", "IN", "PHASE", "PEAK", "PATHS", "BY"):
        table.add_column(name, no_wrap=True)
    for one in found["events"]:
        table.add_row(
            one["name"],
            _clock(one["at"]),
            _span(one["in_s"]),
            one["phase"],
            in_short(one["expected_peak"]),
            " ".join(one["paths"]) or "-",
            one["by"],
        )
    console(markup=False).print(table)


@schedule.command()
@with_node
def status(admin: str, token_file: str | None, output: str) -> None:
    """Say of each event whether the living nodes have room for it, and how many nodes are lacking."""
    found = ask(admin, _PATH, token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    click.echo(
        f"{found['nodes']} nodes carry {in_short(found['safe_capacity'])} streams safely, "
        f"{found['safe_load']:.0%} of {in_short(found['capacity'])}; "
        f"this node's clock is {round(-1000 * found['clock_ahead_s']):+d} ms from the cluster's"
    )
    if not found["events"]:
        click.echo("nothing is scheduled")
    for one in found["events"]:
        when = f"begins in {_span(one['in_s'])}" if one["in_s"] > 0 else f"began {_span(-one['in_s'])} ago"
        click.echo(f"\n{one['name']}: {when}, {_clock(one['at'])} ({one['phase']})")
        buffer = one["needed"] - one["expected_peak"]
        click.echo(
            f"  needs {in_short(one['needed'])} streams: peak {in_short(one['expected_peak'])} + "
            f"buffer {in_short(buffer)} ({in_short(one['growth_per_minute'])} a minute for "
            f"{found['scale_up_minutes']:g} minutes)"
        )
        _print_room(one)


def _print_room(one: dict[str, Any]) -> None:
    beside = f" (together with {', '.join(one['beside'])})" if one["beside"] else ""
    click.echo(f"  {one['verdict']['text']}{beside}")
    for zone, each in one["zones"].items():
        wanted = f"{each['share']:.0%}, {in_short(each['needed'])} of {in_short(each['safe'])} safe"
        click.echo(f"  {zone or '-'}: {wanted}: {each['text']}")


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))


def _span(seconds: float) -> str:
    """1h30m, 4m10s, 12s; a minus before what is past."""
    sign, whole = ("-" if seconds < 0 else ""), round(abs(seconds))
    hours, minutes, rest = whole // 3600, whole % 3600 // 60, whole % 60
    if hours:
        return f"{sign}{hours}h{minutes:02}m"
    return f"{sign}{minutes}m{rest:02}s" if minutes else f"{sign}{rest}s"
