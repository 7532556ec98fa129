"""`edge keys`: the keys of the gossip, changed while the cluster runs."""

import sys
from typing import Any

import click
import orjson

from edge.cli.ask import ask, with_node
from edge.cli.events import awaited, told_in_words
from edge.cli.tables import console, plain_table
from edge.model import ConfigError
from edge.wire.keys import parse_key

_PATH = "/v1/keys"
_WAIT_S = 5.0  # for all members to have heard of it
_NAMES_MAX = 5
_FORCE = click.option("--force", is_flag=True, help="Do not wait for members that are gone.")


@click.group()
def keys() -> None:
    """Change the keys of the gossip while it runs: install, use, remove, in this order (docs/keys.md)."""


@keys.command("list")
@with_node
def list_keys(admin: str, token_file: str | None, output: str) -> None:
    """List the keys by id: who holds them, who seals with them. No key is ever shown."""
    found = ask(admin, _PATH, token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    _show(found)


@keys.command()
@click.argument("keyfile", type=click.File("r"), metavar="KEYFILE|-")
@with_node
def install(keyfile: Any, admin: str, token_file: str | None, output: str) -> None:
    """Have every member hold the key in KEYFILE, as `edge keygen` prints it; `-` reads it from stdin."""
    lines = [line.strip() for line in keyfile if line.strip() and not line.startswith("#")]
    if len(lines) != 1 or parse_key(lines[0]) is None:
        raise ConfigError("KEYFILE", "does not hold one key", "write into it what `edge keygen` prints")
    _order({"install": lines[0]}, admin, token_file, output)


@keys.command()
@click.argument("id")
@_FORCE
@with_node
def use(id: str, force: bool, admin: str, token_file: str | None, output: str) -> None:
    """Have every member seal with the key ID."""
    _order({"use": id, "force": force}, admin, token_file, output)


@keys.command()
@click.argument("id")
@_FORCE
@with_node
def remove(id: str, force: bool, admin: str, token_file: str | None, output: str) -> None:
    """Have every member drop the key ID: who holds no other one is locked out from then on."""
    _order({"remove": id, "force": force}, admin, token_file, output)


def _order(asked: dict[str, Any], admin: str, token_file: str | None, output: str) -> None:
    made = ask(admin, _PATH, token_file, asked)
    told = awaited(made, _WAIT_S, admin, token_file)
    if output == "json":
        told = {key: value for key, value in told.items() if key != "status"}
        click.echo(orjson.dumps(told | {"id": made["id"]}, option=orjson.OPT_INDENT_2))
        return
    words = told_in_words(told)
    click.echo("\n".join([f"{next(iter(asked))} {made['id']}: {words[0].partition(': ')[2]}", *words[1:]]))
    found = ask(admin, _PATH, token_file)
    _show(found)


def _show(found: dict[str, Any]) -> None:
    table = plain_table()
    for name in ("ID", "FINGERPRINT", "HELD BY", "SEALS FOR"):
        table.add_column(name, no_wrap=True)
    table.add_column("LACKED BY")
    for one in found["keys"]:
        note = "" if one["wanted"] or not one["fingerprint"] else " (is to go)"
        counts = [f"{len(one[part])} of {found['members']}" for part in ("held", "seals")]
        table.add_row(
            one["id"] + note, one["fingerprint"] or "not held here", *counts, _names(one["lacking"])
        )
    console(markup=False).print(table)
    for part in ("waits", "trouble", "unread", "unsaved"):
        if found[part]:
            click.echo(f"{found['self']}: {'waits ' * (part == 'waits')}{found[part]}", file=sys.stdout)
    if found["silent"]:
        click.echo(f"told nothing of keys: {_names(found['silent'])}")


def _names(names: list[str]) -> str:
    more = f" and {len(names) - _NAMES_MAX} more" if len(names) > _NAMES_MAX else ""
    return ", ".join(names[:_NAMES_MAX]) + more
