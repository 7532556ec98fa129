"""The command group, and how mistakes are told."""

import sys
from typing import Any

import click

from edge.cli.init import act_as_init
from edge.model import ConfigError

MISTAKE = 2  # exit status for what the user can mend, as for click's own usage errors
NAMES = (
    "demo",
    "demo-viewers",
    "event",
    "events",
    "keygen",
    "keys",
    "log-level",
    "members",
    "monsoon",
    "nginx-config",
    "origin",
    "origins",
    "popular",
    "prewarm",
    "purge",
    "quality",
    "route",
    "run",
    "schedule",
    "sign-url",
    "top",
    "view",
)


class Commands(click.Group):
    """A group that imports a command when it is asked for, and tells a `ConfigError` in one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """The names, as help shows them."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """A command by its name."""
        return _load(cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            click.echo(f"edge: {error}", err=True)
            sys.exit(MISTAKE)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edge-coordinator", prog_name="edge")
def main() -> None:
    """Coordinates CDN edge caches that serve live video."""


def _load(name: str) -> click.Command | None:
    """Import no more than the command needs: a node is ready the sooner, and `edge keygen` prints at once."""
    return _started(name) or _asking(name)


def _started(name: str) -> click.Command | None:
    """A command that runs something, or makes a file for it."""
    match name:
        case "run":
            act_as_init()  # before the imports, which take most of a node's start
            from edge.cli.node import run as command
        case "origin":
            from edge.cli.origin import origin as command
        case "demo":
            from edge.cli.demo import demo as command
        case "demo-viewers":
            from edge.cli.demo import demo_viewers as command
        case "keygen":
            from edge.cli.keygen import keygen as command
        case "nginx-config":
            from edge.cli.nginx import nginx_config as command
        case "sign-url":
            from edge.cli.signing import sign_url as command
        case _:
            return None
    return command


def _asking(name: str) -> click.Command | None:
    """A command that asks a node, or tells it something."""
    match name:
        case "members":
            from edge.cli.cluster import members as command
        case "keys":
            from edge.cli.keys import keys as command
        case "log-level":
            from edge.cli.loglevel import log_level as command
        case "view":
            from edge.cli.cluster import view as command
        case "top":
            from edge.cli.top import top as command
        case "origins":
            from edge.cli.cluster import origins as command
        case "purge":
            from edge.cli.events import purge as command
        case "event":
            from edge.cli.events import event as command
        case "events":
            from edge.cli.events import events as command
        case "monsoon":
            from edge.cli.monsoon import monsoon as command
        case "prewarm":
            from edge.cli.prewarm import prewarm as command
        case "popular":
            from edge.cli.prewarm import popular as command
        case "quality":
            from edge.cli.quality import quality as command
        case "route":
            from edge.cli.route import route as command
        case "schedule":
            from edge.cli.schedule import schedule as command
        case _:
            return None
    return command
