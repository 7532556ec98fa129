"""`edge log-level`: what a node logs, and more or less of it for a while."""

import time
from typing import Any

import click
import orjson

from edge.cli.ask import ask, with_node
from edge.cli.monsoon import duration
from edge.model import ConfigError

_CONFIGURED = "configured"


@click.command()
@click.argument(
    "level",
    type=click.Choice(["debug", "info", "warning", "error", _CONFIGURED]),
    required=False,
    metavar="[LEVEL]",
)
@click.option(
    "--logger", metavar="NAME", help="Only this one and those below it, e.g. edge.shell; root: libraries too."
)
@click.option(
    "--for", "for_s", callback=duration, metavar="TIME", help="How long, e.g. 10m (default: 15m, at most 1d)."
)
@with_node
def log_level(
    level: str | None, logger: str | None, for_s: int | None, admin: str, token_file: str | None, output: str
) -> None:
    """Show what a node logs, or have it log from LEVEL on for a while; `configured` ends that at once.

    LEVEL is debug, info, warning, error or configured.
    """
    given = {"logger": logger, "for_s": for_s}
    asked: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if level is None and asked:
        raise ConfigError("log-level", "has no level to set", "write e.g. edge log-level debug --for 10m")
    body = None if level is None else asked | {"level": None if level == _CONFIGURED else level}
    found = ask(admin, "/v1/log", token_file, body)
    click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2) if output == "json" else _in_words(found))


def _in_words(found: dict[str, Any]) -> str:
    lines = [f"{found['self']} logs at {found['configured']}, as {found['format']}"]
    for one in found["changed"]:
        until = time.strftime("%H:%M:%S", time.localtime(one["until"]))
        lines.append(f"{one['logger']} logs at {one['level']} until {until}, then as configured again")
    return "\n".join(lines)
