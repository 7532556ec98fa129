"""`edge demo`: the whole thing on one machine."""

import asyncio

import click

from edge.cli.service import run_service
from edge.demo.supervisor import DemoSettings, run_demo
from edge.demo.viewers import ViewerSettings, run_viewers


@click.command()
@click.option(
    "--viewers", type=click.IntRange(0, 5000), default=300, show_default=True, help="Simulated viewers."
)
@click.option("--seed", type=int, default=1, show_default=True, help="Seed of the viewers' choices.")
@click.option(
    "--arrive-s",
    type=click.FloatRange(0, 3600),
    default=15.0,
    show_default=True,
    help="Seconds in which they come.",
)
@click.option("--open", "browser", is_flag=True, help="Open the page in a browser.")
def demo(viewers: int, seed: int, arrive_s: float, browser: bool) -> None:
    """Run eight cities, an origin, viewers and the live page until Ctrl-C."""
    settings = DemoSettings(viewers=viewers, seed=seed, arrive_s=arrive_s, browser=browser)

    async def work(stop: asyncio.Event) -> int:
        return await run_demo(settings, stop, click.echo)

    raise SystemExit(run_service(work))


@click.command(hidden=True)
@click.option(
    "--node",
    "nodes",
    multiple=True,
    required=True,
    metavar="ZONE=URL",
    help="A zone and a node's public URL.",
)
@click.option("--share", "shares", multiple=True, metavar="ZONE=SHARE", help="A zone's share of the viewers.")
@click.option("--viewers", type=click.IntRange(0, 100_000), default=300)
@click.option("--seed", type=int, default=1)
@click.option("--arrive-s", type=click.FloatRange(0, 3600), default=15.0)
@click.option("--exit-with-parent", is_flag=True)
def demo_viewers(
    nodes: tuple[str, ...],
    shares: tuple[str, ...],
    viewers: int,
    seed: int,
    arrive_s: float,
    exit_with_parent: bool,
) -> None:
    """Simulated viewers that really fetch playlists and segments; prints counts as JSON lines."""
    settings = ViewerSettings(
        nodes=tuple((zone, url) for zone, _, url in (node.partition("=") for node in nodes)),
        viewers=viewers,
        seed=seed,
        arrive_s=arrive_s,
        shares={zone: float(share) for zone, _, share in (one.partition("=") for one in shares)},
    )

    async def work(stop: asyncio.Event) -> None:
        await run_viewers(settings, stop, click.echo)

    run_service(work, exit_with_parent=exit_with_parent)
