"""`edge members` and `edge view`: the cluster as one node sees it."""

import asyncio
import pathlib
from typing import Any

import aiohttp
import click
import orjson
from rich.console import Console
from rich.table import Table

from edge.model import ConfigError

TIMEOUT_S = 5.0
_WIDTH_OF_A_FILE = 200  # columns; names are bounded, so every line fits
_STYLES = {"alive": "green", "suspect": "yellow", "unreachable": "red", "left": "dim"}


def _with_node(command: Any) -> Any:
    """Options of every command that asks a running node."""
    for option in (
        click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True),
        click.option(
            "--token-file", envvar="EDGE_ADMIN_TOKEN_FILE", metavar="FILE", help="File with the admin token."
        ),
        click.option(
            "--admin", envvar="EDGE_ADMIN", default="http://127.0.0.1:7701", show_default=True, metavar="URL"
        ),
    ):
        command = option(command)
    return command


@click.command()
@_with_node
def members(admin: str, token_file: str | None, output: str) -> None:
    """List the members of the cluster."""
    found = _ask(admin, "/v1/members", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    console = _console()
    console.print(_members_table(found["members"]))
    alive = sum(one["status"] == "alive" for one in found["members"])
    console.print(
        f"{alive} of {len(found['members'])} alive, as {found['self']} sees cluster {found['cluster']}"
    )


@click.command()
@_with_node
def view(admin: str, token_file: str | None, output: str) -> None:
    """Show all that a node knows: members, load, hot segments, events."""
    found = _ask(admin, "/v1/view", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    console = _console()
    totals = found["totals"]
    console.print(
        f"[bold]{found['cluster']}[/] as {found['self']} sees it (version {found['version']}): "
        f"{totals['alive']} of {totals['members']} alive, {totals['streams']} viewers, "
        f"{totals['mbps']:.1f} Mb/s, {totals['rps']} requests/s"
    )
    console.print(_members_table(found["members"]))
    console.print(_hot_table(found["hot"]))
    for event in found["events"][-10:]:
        console.print(f"  [{_STYLES.get(event['kind'], 'cyan')}]{event['kind']:<12}[/] {event['text']}")


def _console() -> Console:
    """As wide as the terminal; where there is none, as wide as the table."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_FILE
    return console


def _ask(admin: str, path: str, token_file: str | None) -> Any:
    return asyncio.run(_get(admin.rstrip("/") + path, _token(token_file)))


def _token(token_file: str | None) -> str:
    if not token_file:
        return ""
    try:
        return pathlib.Path(token_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            "--token-file", f"{token_file} cannot be read: {error.strerror}", "name a readable file"
        ) from None


async def _get(url: str, token: str) -> Any:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
            session.get(url) as response,
        ):
            body = await response.read()
            if response.status != 200:
                problem = f"{url} answered {response.status}: {body[:200].decode(errors='replace').strip()}"
                raise ConfigError(
                    "--admin", problem, "name a node's admin port, and its --token-file if it has one"
                )
            return orjson.loads(body)
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
        problem = f"{url} gave no answer ({str(error) or 'timed out'})"
        raise ConfigError("--admin", problem, "is a node running there? `make run` starts eight") from None


def _members_table(found: list[dict[str, Any]]) -> Table:
    """One row a member; all of it fits 80 columns. What is left out is in `--output json`."""
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    for name in ("NAME", "STATUS", "ZONE"):
        table.add_column(name, no_wrap=True)
    for name in ("VIEWERS", "LOAD", "MBIT/S", "HEALTH", "RTT"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("GOSSIP", no_wrap=True)
    for one in found:
        load, link = one["load"], one["link"]
        figures = ["-"] * 4
        if load:
            figures = [
                str(load["streams"]),
                f"{load['ratio']:.0%}",
                f"{load['mbps']:.1f}",
                str(load["health"]),
            ]
        rtt = f"{link['rtt_ms']:.1f} ms" if link else "-"
        status = f"[{_STYLES[one['status']]}]{one['status']}[/]"
        table.add_row(one["name"], status, one["zone"] or "-", *figures, rtt, one["gossip"])
    return table


def _hot_table(found: list[dict[str, Any]]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("HOT SEGMENT")
    table.add_column("REQUESTS/S", justify="right")
    table.add_column("NODES", justify="right")
    for one in found:
        table.add_row(one["path"], f"{one['rate']:.1f}", str(one["nodes"]))
    return table
