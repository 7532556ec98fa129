"""The command group, and how mistakes are told."""

import sys
from importlib.metadata import version
from typing import Any

import click

from edge.cli.cluster import members, view
from edge.cli.demo import demo, demo_viewers
from edge.cli.events import event, events, purge
from edge.cli.keygen import keygen
from edge.cli.node import run
from edge.cli.origin import origin
from edge.model import ConfigError

MISTAKE = 2  # exit status for what the user can mend, as for click's own usage errors


class Commands(click.Group):
    """A group that tells a `ConfigError` in one line."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(f"edge: {error}", err=True)
            sys.exit(MISTAKE)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("edge-coordinator"), prog_name="edge")
def main() -> None:
    """Coordinates CDN edge caches that serve live video."""


for command in (run, origin, demo, members, view, purge, event, events, keygen, demo_viewers):
    main.add_command(command)
