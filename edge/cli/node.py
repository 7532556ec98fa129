"""`edge run`: one node."""

import asyncio
import os
import pathlib
import socket
from typing import Any

import click

from edge.app import Node
from edge.cli.service import run_service
from edge.config import Source, field_types, load
from edge.model import ConfigError
from edge.shell.kube.platform import located, on_kubernetes
from edge.shell.logs import set_up


def _with_settings(command: Any) -> Any:
    """One option for each setting."""
    for one in reversed(field_types()):
        note = f"{one.description}  [{one.variable}]"
        command = click.option(one.flag, one.path.replace(".", "__"), metavar="VALUE", help=note)(command)
    return command


@click.command()
@click.option(
    "--config", "file", envvar="EDGE_CONFIG", metavar="FILE", help="TOML file with [section] field = value."
)
@click.option("--exit-with-parent", is_flag=True, help="Leave gracefully when standard input ends.")
@_with_settings
def run(file: str | None, exit_with_parent: bool, **flags: str | None) -> None:
    """Run a node: gossip, cache, routing.

    Settings come from flags, EDGE_* variables and a TOML file, in this order of strength.
    """
    sources = [
        Source.flags({name.replace("__", "."): value for name, value in flags.items()}),
        Source.environment(os.environ),
        *([Source.toml(_read(file), file)] if file else []),
        Source.flags({"node.name": socket.gethostname()}),
    ]
    config = load(*sources)
    set_up(config.log)

    async def work(stop: asyncio.Event) -> None:
        async with on_kubernetes(config) as kubernetes:
            node = Node(await located(config, kubernetes), kubernetes)
            await node.run(stop, on_ready=lambda: None)

    run_service(work, exit_with_parent=exit_with_parent)


def _read(file: str) -> str:
    try:
        return pathlib.Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError(
            "--config", f"{file} cannot be read: {reason}", "name a readable TOML file"
        ) from None
