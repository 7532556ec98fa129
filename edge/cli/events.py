"""`edge purge`, `edge event` and `edge events`: what every node must hear of."""

import asyncio
import time
from collections.abc import Callable
from typing import Any

import click
import orjson
from rich.table import Table
from rich.text import Text

from edge.cli.ask import ask, session, with_majority, with_node
from edge.cli.follow import PATIENCE, Follower
from edge.cli.service import run_service, until_stopped
from edge.cli.tables import console, plain_table, printable
from edge.model import ConfigError

_POLL_S = 0.1
_NAMES_MAX = 10
_STREAM = "/v1/events/stream"


@click.command()
@click.option("--url", metavar="PATH", help="One object, e.g. /live/v240/7.m4s.")
@click.option("--prefix", metavar="PATH", help="Every object whose path begins so.")
@click.option(
    "--tag", metavar="TAG", help="Every object that the origin tagged so (Surrogate-Key, Cache-Tag)."
)
@click.option("--soft", is_flag=True, help="Mark stale rather than remove.")
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 300),
    is_flag=False,
    flag_value=30.0,
    default=2.0,
    metavar="[SECONDS]",
    help="How long to wait for all to have acted: 2 s, or 30 s where no number is given.",
)
@with_majority
@with_node
def purge(
    wait_s: float,
    soft: bool,
    majority: bool,
    admin: str,
    token_file: str | None,
    output: str,
    **what: str | None,
) -> None:
    """Purge objects from the cache of every node, of those too that are away at the moment."""
    asked: dict[str, Any] = {name: value for name, value in what.items() if value}
    if len(asked) != 1:
        raise ConfigError("purge", f"names {len(asked)} of --url, --prefix, --tag", "give one of them")
    made = ask(admin, "/v1/purge", token_file, asked | {"soft": soft, "majority": majority})
    _tell(awaited(made, wait_s, admin, token_file), output)


@click.command()
@click.argument("key")
@click.argument("body", default="")
@click.option("--ttl-s", type=click.IntRange(1, 7 * 86_400), default=3600, show_default=True)
@with_majority
@with_node
def event(
    key: str, body: str, ttl_s: int, majority: bool, admin: str, token_file: str | None, output: str
) -> None:
    """Tell every node KEY and BODY; handlers that were registered for the key act on it."""
    asked = {"key": key, "body": body, "ttl_s": ttl_s, "majority": majority}
    made = ask(admin, "/v1/events", token_file, asked)
    _tell(made, output)


@click.command()
@click.option("--last", type=click.IntRange(1, 2000), default=40, show_default=True, help="How many.")
@click.option("--durable", is_flag=True, help="Only what every node must hear of, and who has acted on it.")
@click.option(
    "--follow", is_flag=True, help="Go on with what happens, until Ctrl-C; JSON: one object a line."
)
@with_node
def events(last: int, durable: bool, follow: bool, admin: str, token_file: str | None, output: str) -> None:
    """Tell what happened, in order: what one node saw, and what every node must hear of."""
    if follow:
        names = ("durable",) if durable else ("seen", "durable")
        url = admin.rstrip("/") + _STREAM
        _follow(Follower(url, last, _teller(output), _note, names), token_file)
        return
    found = ask(admin, "/v1/events", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    console(markup=False).print(_durable_table(found["events"]) if durable else _story(found, last))


def _story(found: dict[str, Any], last: int) -> Table:
    told = [(one["time"], one["kind"], one["node"], one["text"]) for one in found["seen"]]
    told += [(one["time"], one["kind"], one["origin"], _in_words(one)) for one in found["events"]]
    table = plain_table()
    for name in ("TIME", "KIND", "NODE", "WHAT"):
        table.add_column(name)
    for at, kind, node, text in sorted(told)[-last:]:
        table.add_row(_clock(at), kind, node, text)
    return table


def _follow(follower: Follower, token_file: str | None) -> None:
    async def work(stop: asyncio.Event) -> None:
        async with session(token_file, PATIENCE) as http:
            await until_stopped(stop, follower.run(http))

    run_service(work)


def _teller(output: str) -> Callable[[str, dict[str, Any]], None]:
    """What prints one event that is followed."""
    out = console(markup=False)

    def tell(name: str, told: dict[str, Any]) -> None:
        if output == "json":
            click.echo(orjson.dumps({"stream": name} | told))
            return
        node, text = (told["node"], told["text"]) if name == "seen" else (told["origin"], _what(told))
        line = Text.assemble((_clock(told["time"]), "dim"), f" {told['kind']:<12}", f" {node:<16} ")
        out.print(line.append(printable(text)), soft_wrap=True)

    return tell


def _note(text: str) -> None:
    click.echo(f"edge: {text}", err=True)


def _what(event: dict[str, Any]) -> str:
    return f"{event['key']} {event['body']}" if event["body"] else str(event["key"])


def _in_words(event: dict[str, Any]) -> str:
    reached = f"{len(event['reached'])} of {event['members']} members have acted on it"
    return f"{_what(event)}; {reached}"


def _durable_table(found: list[dict[str, Any]]) -> Table:
    table = plain_table()
    for name in ("TIME", "KIND", "KEY", "BODY", "BY", "REACHED"):
        table.add_column(name)
    for one in found:
        reached = f"{len(one['reached'])} of {one['members']}"
        when = _clock(one["time"])
        table.add_row(when, one["kind"], one["key"], one["body"], one["origin"], reached)
    return table


def _clock(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def awaited(made: dict[str, Any], wait_s: float, admin: str, token_file: str | None) -> dict[str, Any]:
    """The event once all members have acted on it, or as it is when the time is over."""
    deadline = time.monotonic() + wait_s
    while len(made["reached"]) < made["members"] and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        found = ask(admin, "/v1/events", token_file)["events"]
        same = [one for one in found if (one["kind"], one["key"]) == (made["kind"], made["key"])]
        made = same[0] if same else made
    return made


def told_in_words(made: dict[str, Any]) -> list[str]:
    """Who has acted on an event, after how long, and who has not."""
    acted = f"{len(made['reached'])} of {made['members']} members have acted on it"
    lines = [f"{made['kind']} {made['key']}: {acted}"]
    if times := sorted((ms, name) for name, ms in made["acted_ms"].items()):
        middle, (last_ms, last) = times[(len(times) - 1) // 2][0], times[-1]
        lines.append(f"known here of half of them after {middle} ms, of the last, {last}, after {last_ms} ms")
    if missing := made["missing"]:
        more = f" and {len(missing) - _NAMES_MAX} more" if len(missing) > _NAMES_MAX else ""
        names = ", ".join(missing[:_NAMES_MAX])
        lines.append(f"not yet: {names}{more}; they act on it as soon as they hear of it")
    return lines


def _tell(made: dict[str, Any], output: str) -> None:
    if output == "json":
        click.echo(orjson.dumps(made, option=orjson.OPT_INDENT_2))
    else:
        click.echo("\n".join(told_in_words(made)))
