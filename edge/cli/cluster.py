"""`edge members`, `edge view` and `edge origins`: the cluster, and the origins, as one node sees them."""

from typing import Any

import click
import orjson
from rich.table import Table

from edge.cli.ask import ask, with_node
from edge.cli.tables import STYLES, console, plain_table


@click.command()
@with_node
def members(admin: str, token_file: str | None, output: str) -> None:
    """List the members of the cluster."""
    found = ask(admin, "/v1/members", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    out = console()
    out.print(_members_table(found["members"]))
    alive = sum(one["status"] == "alive" for one in found["members"])
    out.print(f"{alive} of {len(found['members'])} alive, as {found['self']} sees cluster {found['cluster']}")


@click.command()
@with_node
def view(admin: str, token_file: str | None, output: str) -> None:
    """Show all that a node knows: members, load, hot segments, events."""
    found = ask(admin, "/v1/view", token_file)
    if output == "json":
        click.echo(orjson.dumps(found, option=orjson.OPT_INDENT_2))
        return
    out = console()
    totals = found["totals"]
    out.print(
        f"[bold]{found['cluster']}[/] as {found['self']} sees it (version {found['version']}): "
        f"{totals['alive']} of {totals['members']} alive, {totals['streams']} viewers, "
        f"{totals['mbps']:.1f} Mb/s, {totals['rps']} requests/s"
    )
    out.print(_members_table(found["members"]))
    out.print(_hot_table(found["hot"]))
    for event in found["events"][-10:]:
        out.print(f"  [{STYLES.get(event['kind'], 'cyan')}]{event['kind']:<12}[/] {event['text']}")


@click.command()
@with_node
def origins(admin: str, token_file: str | None, output: str) -> None:
    """List the origins, and whether the node asks them."""
    found = ask(admin, "/v1/view", token_file)
    if output == "json":
        told = {"self": found["self"], "origins": found["origins"]}
        click.echo(orjson.dumps(told, option=orjson.OPT_INDENT_2))
        return
    table = plain_table()
    table.add_column("ORIGIN", no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    for name in ("PRIORITY", "WEIGHT", "REQUESTS", "FAILED", "CHECKS", "FAILED"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("REASON")
    for one in found["origins"]:
        state = "[green]up[/]" if one["up"] else "[red]down[/]"
        names = ("priority", "weight", "requests", "failures", "checks", "checks_failed")
        table.add_row(one["url"], state, *(str(one[name]) for name in names), one["reason"])
    console().print(table)


def _members_table(found: list[dict[str, Any]]) -> Table:
    """One row a member; all of it fits 80 columns, but for the trust, which is there where it is not whole.

    What is left out is in `--output json`.
    """
    table = plain_table()
    doubted = any(one.get("reputation", 100) < 100 for one in found)
    for name in ("NAME", "STATUS", "ZONE"):
        table.add_column(name, no_wrap=True)
    for name in (*(("TRUST",) if doubted else ()), "VIEWERS", "LOAD", "MBIT/S", "HEALTH", "RTT"):
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
        status = f"[{STYLES[one['status']]}]{one['status']}[/]"
        if doubted:
            figures.insert(
                0, f"[red]{one['reputation']}[/]" if one["quarantined"] else str(one["reputation"])
            )
        table.add_row(one["name"], status, one["zone"] or "-", *figures, rtt, one["gossip"])
    return table


def _hot_table(found: list[dict[str, Any]]) -> Table:
    table = plain_table()
    table.add_column("HOT SEGMENT")
    table.add_column("REQUESTS/S", justify="right")
    table.add_column("NODES", justify="right")
    for one in found:
        table.add_row(one["path"], f"{one['rate']:.1f}", str(one["nodes"]))
    return table
