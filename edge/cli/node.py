"""`edge run`: one node."""

import asyncio

import click

from edge.app import Node
from edge.cli.service import run_service
from edge.cli.settings import settings, with_settings
from edge.shell.kube.platform import located, on_kubernetes
from edge.shell.logs import set_up


@click.command()
@click.option("--exit-with-parent", is_flag=True, help="Leave gracefully when standard input ends.")
@with_settings
def run(file: str | None, exit_with_parent: bool, **flags: str | None) -> None:
    """Run a node: gossip, cache, routing.

    Settings come from flags, EDGE_* variables and a TOML file, in this order of strength.
    """
    config = settings(file, flags)
    set_up(config.log)

    async def work(stop: asyncio.Event) -> None:
        async with on_kubernetes(config) as kubernetes:
            node = Node(await located(config, kubernetes), kubernetes)
            await node.run(stop, on_ready=lambda: None)

    run_service(work, exit_with_parent=exit_with_parent)
