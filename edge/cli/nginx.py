"""`edge nginx-config`: the configuration of the nginx in front of a node."""

import pathlib

import click

from edge.cli.settings import settings, with_settings
from edge.model import ConfigError
from edge.nginx.render import render


@click.command("nginx-config")
@click.option("--to", metavar="FILE", help="Write it into this file. Default: print it.")
@with_settings
def nginx_config(file: str | None, to: str | None, **flags: str | None) -> None:
    """Print the configuration of the nginx that serves hits in front of a node.

    Settings are those of `edge run`, from the same places; give both the same.
    """
    text = render(settings(file, {**flags, "cache__backend": "nginx"}))
    if to is None:
        click.echo(text, nl=False)
        return
    try:
        pathlib.Path(to).write_text(text, encoding="utf-8")
    except OSError as error:
        hint = "name a file in a folder that can be written"
        raise ConfigError("--to", f"{to} cannot be written: {error.strerror}", hint) from None
