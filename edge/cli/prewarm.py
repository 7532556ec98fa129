"""`edge prewarm` and `edge popular`: what will be watched, and what is."""

import time
from datetime import datetime, timedelta
from typing import Any

import click
import orjson
from yarl import URL

from edge.cli.ask import ask, with_majority, with_node
from edge.cli.events import awaited
from edge.cli.monsoon import duration
from edge.cli.tables import console, plain_table

_WAIT_S = 2.0  # for all members to have heard of it


def moment(ctx: click.Context, param: click.Parameter, value: str | None) -> float | None:
    """Seconds since 1970, written as 19:30, 2026-11-21T19:30 with or without a zone, or +10m; for click's options."""
    if value is None:
        return None
    if value.startswith("+"):
        return time.time() + (duration(ctx, param, value[1:]) or 0)
    now = datetime.now().astimezone()
    try:
        if "-" not in value:
            found = datetime.combine(now, datetime.strptime(value, "%H:%M").time()).astimezone()  # noqa: DTZ007
            found += timedelta(days=found < now - timedelta(minutes=1))
        else:
            found = datetime.fromisoformat(value)
    except ValueError:
        hint = "write e.g. 19:30, 2026-11-21T19:30, 2026-11-21T14:00:00Z or +10m"
        raise click.BadParameter(f"{value!r} is no time; {hint}", ctx, param) from None
    return found.timestamp()


@click.command()
@click.argument("urls", nargs=-1, required=True, metavar="URL...")
@click.option(
    "--at", callback=moment, metavar="TIME", help="When: 19:30, 2026-11-21T19:30, +10m (default: now)."
)
@click.option("--zone", metavar="NAME", help="Only nodes of this zone (default: all).")
@click.option("--cancel", is_flag=True, help="Withdraw it.")
@with_majority
@with_node
def prewarm(
    urls: tuple[str, ...],
    at: float | None,
    zone: str | None,
    cancel: bool,
    majority: bool,
    **where: str | None,
) -> None:
    """Have nodes fetch what will be watched, at one time; of a playlist, what a player begins with."""
    admin, token_file = where["admin"] or "", where["token_file"]
    told = []
    for url in urls:
        asked: dict[str, Any] = {"path": _path(url), "majority": majority}
        asked |= {"at": at} if at is not None else {}
        asked |= {"zone": zone} if zone else {}
        asked |= {"cancel": True} if cancel else {}
        made = ask(admin, "/v1/prewarm", token_file, asked)
        told.append(made | awaited(made, _WAIT_S, admin, token_file))
    if where["output"] == "json":
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    for made in told:
        what = "withdrawn" if made["at"] is None else f"at {_clock(made['at'])}"
        whose = f"zone {made['zone']}" if made["zone"] else "all zones"
        heard = f"{len(made['reached'])} of {made['members']} members have heard of it"
        click.echo(f"{made['path']}, {whose}: {what}; {heard}")


@click.command()
@with_node
def popular(admin: str, token_file: str | None, output: str) -> None:
    """List what is watched in the cluster, by how much it counts where the node is, and what is announced."""
    found = ask(admin, "/v1/prewarm", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    table = plain_table()
    table.add_column("SEGMENT", no_wrap=True)
    for name in ("REQUESTS/S", "SCORE", "NODES"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("HERE", no_wrap=True)
    table.add_column("ZONES")
    for one in found["trending"]:
        zones = sorted(one["zones"].items(), key=lambda pair: (-pair[1], pair[0]))
        table.add_row(
            one["path"],
            f"{one['rate']:.1f}",
            f"{one['score']:.1f}",
            str(one["nodes"]),
            "yes" if one["held"] else "no",
            ", ".join(f"{zone or '-'} {rate:.1f}" for zone, rate in zones),
        )
    out = console(markup=False)
    out.print(table)
    for one in found["announced"]:
        whose = f"zone {one['zone']}" if one["zone"] else "all zones"
        state = "begun" if one["begun"] else "waits"
        out.print(
            f"{one['path']}, {whose}: at {_clock(one['at'])}, {state}; by {one['by'] or 'the settings'}"
        )
    counters = found["counters"]
    out.print(
        f"{found['self']} has fetched {counters['fetched']} objects before viewers asked, "
        f"{counters['fetched_bytes'] / 1e6:.1f} MB; viewers asked for {counters['used']} of them later"
    )


def _path(url: str) -> str:
    return URL(url).raw_path if "://" in url else url


def _clock(at: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(at))
