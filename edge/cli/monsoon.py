"""`edge monsoon`: how far service is degraded, and an operator's word on it."""

import re
import time
from collections.abc import Callable
from typing import Any

import click
import orjson
from rich.table import Table

from edge.cli.ask import ask, with_majority, with_node
from edge.cli.events import awaited
from edge.cli.tables import console, plain_table
from edge.model import ConfigError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_DIGITS_MAX = 6
_DURATION = re.compile(r"([0-9]{1,6}[smhd])+")
_WAIT_S = 2.0  # for all members to have acted on an override
_SHOWN = 10  # transitions


def duration(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Whole seconds, written as 90, 90s, 10m, 1h30m or 2d; for click's options."""
    if value is None:
        return None
    text = value.lower()
    if text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX:
        return int(text)
    if not _DURATION.fullmatch(text):
        raise click.BadParameter(f"{value!r} is no time; write e.g. 90s, 10m or 1h30m", ctx, param)
    return sum(int(part[:-1]) * _UNITS[part[-1]] for part in re.findall(r"\d+[smhd]", text))


def with_scope(command: Callable[..., None]) -> Callable[..., None]:
    """Options that say whom an override is about."""
    for option in (
        click.option("--cluster", is_flag=True, help="All nodes (default)."),
        click.option("--zone", metavar="NAME", help="All nodes of a zone; stronger than --cluster."),
        click.option("--node", metavar="NAME", help="One node; stronger than --zone."),
    ):
        command = option(command)
    return command


@click.group()
def monsoon() -> None:
    """Show or override how far service is degraded (docs/monsoon.md)."""


@monsoon.command()
@with_scope
@click.option("--level", type=click.IntRange(0, 4), default=2, show_default=True, help="Level to hold.")
@click.option(
    "--for", "for_s", callback=duration, metavar="TIME", default="10m", show_default=True, help="How long."
)
@with_majority
@with_node
def on(
    node: str | None,
    zone: str | None,
    cluster: bool,
    level: int,
    for_s: int,
    majority: bool,
    **where: str | None,
) -> None:
    """Hold a level, whatever is measured, until the time is over."""
    _override(_scope(node, zone, cluster) | {"level": level, "for_s": for_s, "majority": majority}, where)


@monsoon.command()
@with_scope
@click.option(
    "--for", "for_s", callback=duration, metavar="TIME", help="Hold level 0 this long, whatever is measured."
)
@with_node
def off(node: str | None, zone: str | None, cluster: bool, for_s: int | None, **where: str | None) -> None:
    """End an override: what is measured counts again."""
    held = {"level": None} if for_s is None else {"level": 0, "for_s": for_s}
    _override(_scope(node, zone, cluster) | held, where)


@monsoon.command()
@with_node
def status(admin: str, token_file: str | None, output: str) -> None:
    """Show mode, level and reason of a node, the levels of all zones, overrides and the last transitions."""
    found = ask(admin, "/v1/monsoon", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    out = console(markup=False)
    out.print(f"{found['self']} is {found['mode']}, level {found['level']}: {found['reason']}")
    for one in found["overrides"]:
        out.print(
            f"override of {one['about']}: level {one['level']} until {_clock(one['until'])}, by {one['by']}"
        )
    if found["override"]:
        own = found["automatic"]
        out.print(f"without it this node would be {own['mode']}, level {own['level']}")
    out.print(
        _table(
            ("ZONE", "LEVEL", "NODES"),
            [(one["zone"] or "-", one["level"], one["nodes"]) for one in found["zones"]],
        )
    )
    rows = [(_clock(one["time"]), one["to"], one["level"], one["reason"]) for one in found["transitions"]]
    if rows:
        out.print(_table(("TIME", "MODE", "LEVEL", "REASON"), rows[-_SHOWN:]))


def _scope(node: str | None, zone: str | None, cluster: bool) -> dict[str, Any]:
    given = [(scope, name) for scope, name in (("node", node), ("zone", zone)) if name]
    if len(given) + cluster > 1:
        raise ConfigError("monsoon", "names several of --node, --zone, --cluster", "give one of them")
    return {"scope": given[0][0], "name": given[0][1]} if given else {"scope": "cluster"}


def _override(asked: dict[str, Any], where: dict[str, str | None]) -> None:
    admin, token_file = where["admin"] or "", where["token_file"]
    made = ask(admin, "/v1/monsoon", token_file, asked)
    made |= awaited(made, _WAIT_S, admin, token_file)
    if where["output"] == "json":
        click.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))
        return
    what = "no override" if made["level"] is None else f"level {made['level']} until {_clock(made['until'])}"
    reached = f"{len(made['reached'])} of {made['members']} members have acted on it"
    click.echo(f"{made['about']}: {what}; {reached}")


def _table(names: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Table:
    table = plain_table()
    for name in names:
        table.add_column(name)
    for row in rows:
        table.add_row(*(str(one) for one in row))
    return table


def _clock(when: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(when))
