"""The settings of a node as options of a command."""

import os
import pathlib
import socket
from collections.abc import Mapping
from typing import Any

import click

from edge.config import Config, Source, field_types, load
from edge.model import ConfigError


def with_settings(command: Any) -> Any:
    """One option for each setting, and one for a file of them."""
    for one in reversed(field_types()):
        note = f"{one.description}  [{one.variable}]"
        command = click.option(one.flag, one.path.replace(".", "__"), metavar="VALUE", help=note)(command)
    note = "TOML file with [section] field = value."
    return click.option("--config", "file", envvar="EDGE_CONFIG", metavar="FILE", help=note)(command)


def settings(file: str | None, flags: Mapping[str, str | None]) -> Config:
    """From flags, EDGE_* variables and a TOML file, in this order of strength.

    Raises:
        ConfigError: what is wrong with them.
    """
    return load(
        Source.flags({name.replace("__", "."): value for name, value in flags.items()}),
        Source.environment(os.environ),
        *([Source.toml(_read(file), file)] if file else []),
        Source.flags({"node.name": socket.gethostname()}),
    )


def _read(file: str) -> str:
    try:
        return pathlib.Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no UTF-8 text"
        raise ConfigError(
            "--config", f"{file} cannot be read: {reason}", "name a readable TOML file"
        ) from None
