"""`edge quality`: what players see, by place, and what they may watch."""

import click
import orjson

from edge.cli.ask import ask, with_node
from edge.cli.tables import console, plain_table

_COLUMNS = ("SESSIONS", "WATCHED", "REACH", "STALLS", "CAP")


@click.command()
@with_node
def quality(admin: str, token_file: str | None, output: str) -> None:
    """Show what players of each zone and provider see, in kb/s, and how their bitrate is capped."""
    found = ask(admin, "/v1/quality", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    table = plain_table()
    for name in ("ZONE", "ISP"):
        table.add_column(name, no_wrap=True)
    for name in _COLUMNS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("WHY")
    for one in found["places"]:
        table.add_row(
            one["zone"] or "-",
            one["isp"] or "all",
            str(one["sessions"]),
            str(one["kbps"] or "-"),
            str(one["reach_kbps"] or "-"),
            f"{one['stalls']:.1%}",
            str(one["cap_kbps"] or "-"),
            one["reason"] if one["cap_kbps"] else "",
        )
    out = console(markup=False)
    out.print(table)
    room = found["room"]
    out.print(
        f"{found['self']} carries {room['viewers']} of {room['capacity']} viewers (limited by {room['binding']}); "
        f"refused {room['refused']['full']}, sent on {room['sent_on']}"
    )
