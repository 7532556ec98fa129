"""`edge route`: where a viewer would be sent, and why not elsewhere."""

from typing import Any
from urllib.parse import urlencode

import click
import orjson
from rich.table import Table

from edge.cli.ask import ask, with_node
from edge.cli.tables import console, plain_table

_REFUSED = 1  # exit status where no node takes the viewer


@click.command()
@click.argument("path", metavar="PATH")
@click.option("--zone", default="", metavar="NAME", help="Zone of the viewer.")
@click.option(
    "--region", default="", metavar="NAME", help="Region of the viewer (default: that of the zone)."
)
@click.option("--isp", default="", metavar="NAME", help="Internet provider of the viewer.")
@click.option(
    "--address", default="", metavar="IP", help="His address, to look up in the node's table of places."
)
@click.option("--node", default="", metavar="NAME", help="Node that the viewer is at.")
@click.option("--explain", is_flag=True, help="List all nodes, with why each was not taken.")
@with_node
def route(path: str, explain: bool, output: str, **asked: str | None) -> None:
    """Show where a viewer of PATH, e.g. /live/main.m3u8, would be sent. Nobody is sent anywhere by it.

    The answer is that of one node, by what it knows at this moment; exit status 1 where no node takes the viewer.
    """
    admin, token_file = asked.pop("admin") or "", asked.pop("token_file")
    found = ask(admin, "/v1/route?" + urlencode({"path": path, **asked}), token_file)
    if output == "json":
        told = found if explain else {key: found[key] for key in ("query", "answer", "reason")}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
    else:
        out = console(markup=False)
        out.print(_in_words(found))
        if explain:
            out.print(_table(found["candidates"]))
    if found["answer"] is None:
        raise SystemExit(_REFUSED)


def _in_words(found: dict[str, Any]) -> str:
    answer = found["answer"]
    if answer is None:
        return f"nowhere: {found['reason']}"
    return f"{answer['node']}, {answer['url']}{found['query']['path']}: {answer['reason']}"


def _table(candidates: list[dict[str, Any]]) -> Table:
    table = plain_table()
    for name in ("NODE", "ZONE", "ISP"):
        table.add_column(name, no_wrap=True)
    for name in ("LOAD", "ALLOWED", "BY HASH"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("VERDICT")
    for one in candidates:
        allowed = "-" if one["allowed"] is None else f"{one['allowed']:.2f}"
        rank = str(one["rank"]) if one["rank"] else "-"
        figures = (f"{one['load']:.2f}", allowed, rank)
        table.add_row(one["node"], one["zone"] or "-", one["isp"] or "-", *figures, one["verdict"])
    return table
