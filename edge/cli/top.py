"""`edge top`: a cluster as one node sees it, drawn anew each second."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import aiohttp
import click
import orjson
from rich.console import Console
from rich.live import Live

from edge.cli.ask import NoAnswerError, answer_to, session, with_node
from edge.cli.pressed import pressed
from edge.cli.service import run_service, until_stopped
from edge.cli.tables import console
from edge.cli.topfigures import SORTS, Glance, HitRatio, glance, ordered
from edge.cli.topframe import Silence, Size, frame
from edge.model import ConfigError

_PATIENCE = aiohttp.ClientTimeout(total=2.0)  # for one answer
_DRAW_EVERY_S = 1.0  # at least: clocks and waits go on while nothing comes
_HIT_LOOKS = 30
_KEYS = {sort[0]: sort for sort in SORTS}


class Watch:
    """Asks one node again and again, and holds what it said last.

    Args:
        http: asks.
        admin: URL of its admin port.
    """

    def __init__(self, http: aiohttp.ClientSession, admin: str) -> None:
        self._http = http
        self._admin = admin.rstrip("/")
        self._hits = HitRatio(_HIT_LOOKS)
        self._answered = time.time()
        self.glance: Glance | None = None
        self.silence: Silence | None = None

    async def look(self) -> None:
        """Ask once.

        Raises:
            NoAnswerError: no answer, and `silence` says since when.
            ConfigError: the answer says what is wrong; so does `silence`.
        """
        try:
            view, monsoon = await asyncio.gather(
                *(answer_to(self._http, f"{self._admin}/v1/{what}") for what in ("view", "monsoon"))
            )
        except ConfigError as error:
            reason = error.reason if isinstance(error, NoAnswerError) else error.problem
            self.silence = Silence(self._admin, self._answered, reason)
            raise
        served = view.get("served")  # of no use to a node of an older version
        ratio = self._hits.update(served["requests"], served["hits"]) if served else None
        self.glance = glance(view, monsoon, ratio)
        self._answered, self.silence = time.time(), None

    async def run(self, every_s: float, told: Callable[[], None]) -> None:
        """Ask until cancelled; `told` hears of each answer, and of each that did not come."""
        while True:
            begun = time.monotonic()
            with contextlib.suppress(ConfigError):  # `silence` tells it
                await self.look()
            told()
            await asyncio.sleep(max(0.0, begun + every_s - time.monotonic()))


@click.command()
@click.option(
    "--every",
    "every_s",
    type=click.FloatRange(0.1, 60),
    default=1.0,
    show_default=True,
    metavar="SECONDS",
    help="How often to ask the node.",
)
@click.option(
    "--sort",
    type=click.Choice(list(SORTS)),
    default="load",
    show_default=True,
    help="Order of the nodes; its first letter changes it while it runs.",
)
@click.option("--once", is_flag=True, help="Print one frame and end; all nodes, where there is no terminal.")
@with_node
def top(every_s: float, sort: str, once: bool, admin: str, token_file: str | None, output: str) -> None:
    """Watch the cluster as one node sees it, until Ctrl-C or q."""
    out = console()
    if not once and output == "table" and not out.is_terminal:
        hint = "write --once for one frame, or --output json for a line each time"
        raise ConfigError("top", "standard output is no terminal", hint)

    async def work(stop: asyncio.Event) -> None:
        async with session(token_file, _PATIENCE) as http:
            watch = Watch(http, admin)
            await watch.look()
            if once:
                _print(watch, sort, output, out)
            elif output == "json":
                await _lines(watch, every_s, sort, stop)
            else:
                await Screen(watch, sort, out).run(every_s, stop)

    if once:
        asyncio.run(work(asyncio.Event()))
    else:
        run_service(work)


def _print(watch: Watch, sort: str, output: str, out: Console) -> None:
    assert watch.glance
    if output == "json":
        click.echo(orjson.dumps(_told(watch, sort), option=orjson.OPT_INDENT_2))
        return
    height = out.height - 1 if out.is_terminal else None  # the prompt comes back below
    out.print(frame(watch.glance, sort, Size(out.width, height)))


def _told(watch: Watch, sort: str) -> dict[str, Any]:
    assert watch.glance
    found = asdict(watch.glance)
    found["rows"] = [asdict(one) for one in ordered(watch.glance.rows, sort)]
    return {
        "time": round(time.time(), 3),
        "silence": asdict(watch.silence) if watch.silence else None,
    } | found


async def _lines(watch: Watch, every_s: float, sort: str, stop: asyncio.Event) -> None:
    """A line of JSON for each answer, and for each that did not come."""
    click.echo(orjson.dumps(_told(watch, sort)))
    await until_stopped(stop, watch.run(every_s, lambda: click.echo(orjson.dumps(_told(watch, sort)))))


class Screen:
    """The terminal, as long as it is watched.

    Args:
        watch: what to show.
        sort: the order to begin with.
        out: the terminal.
    """

    def __init__(self, watch: Watch, sort: str, out: Console) -> None:
        self._watch = watch
        self._sort = sort
        self._out = out
        self._news = asyncio.Event()

    async def run(self, every_s: float, stop: asyncio.Event) -> None:
        """Draw until told to stop; then the terminal is as before."""

        def on_key(key: str) -> None:
            self._sort = _KEYS.get(key, self._sort)
            (stop if key == "q" else self._news).set()

        with Live(console=self._out, screen=True, auto_refresh=False) as live, pressed(on_key):
            asking = self._watch.run(every_s, self._news.set)
            await until_stopped(stop, _both(asking, self._draw(live)))

    async def _draw(self, live: Live) -> None:
        while True:
            self._news.clear()
            assert self._watch.glance
            size = Size(self._out.width, self._out.height)
            live.update(frame(self._watch.glance, self._sort, size, self._watch.silence), refresh=True)
            try:
                await asyncio.wait_for(self._news.wait(), _DRAW_EVERY_S)
            except TimeoutError:
                continue


async def _both(one: Any, other: Any) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(one)
        group.create_task(other)
