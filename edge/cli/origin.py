"""`edge origin`: a live stream to try things with."""

import asyncio
import pathlib

import click

from edge.cli.service import run_service
from edge.model import Address
from edge.origin.media import SHIPPED
from edge.origin.playlist import WINDOW
from edge.origin.server import OriginSettings, serve


@click.command()
@click.option("--bind", default="127.0.0.1:7790", show_default=True, help="TCP address, host:port.")
@click.option(
    "--media",
    "directory",
    default=str(SHIPPED),
    help="Directory that make_source.py wrote. Default: the shipped one.",
)
@click.option(
    "--window", type=click.IntRange(3, 300), default=WINDOW, show_default=True, help="Segments in a playlist."
)
@click.option("--exit-with-parent", is_flag=True, help="Stop when standard input ends.")
def origin(bind: str, directory: str, window: int, exit_with_parent: bool) -> None:
    """Publish a live HLS stream: three video rungs, two languages, looped for ever."""
    settings = OriginSettings(Address.parse(bind, "--bind"), pathlib.Path(directory), window)

    async def work(stop: asyncio.Event) -> None:
        await serve(settings, stop, lambda address: click.echo(f"live at http://{address}/live/main.m3u8"))

    run_service(work, exit_with_parent=exit_with_parent)
