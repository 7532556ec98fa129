"""`python -m loadtest bench|sim|drive|merge|report|compare|soak|swarm|liars|epidemic|record|train`."""

import sys
from pathlib import Path

import click

from edge.model import ConfigError

NAMES = (
    "bench",
    "compare",
    "drive",
    "epidemic",
    "liars",
    "merge",
    "record",
    "report",
    "sim",
    "soak",
    "swarm",
    "train",
)


class _Commands(click.Group):
    """A group that imports a command when it is asked for: a machine that drives has nothing to plot with."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        match cmd_name:
            case "sim":
                from loadtest.sim.command import sim_command as command
            case "report":
                from loadtest.report.command import report_command as command
            case "compare":
                from loadtest.report.command import compare_command as command
            case "drive":
                from loadtest.drive.command import drive_command as command
            case "merge":
                from loadtest.drive.command import merge_command as command
            case "soak":
                from loadtest.soak.command import soak_command as command
            case "swarm":
                from loadtest.sim.swarm import swarm_command as command
            case "liars":
                from loadtest.sim.lying import liars_command as command
            case "epidemic":
                from loadtest.epidemic import epidemic_command as command
            case _:
                return super().get_command(ctx, cmd_name)
        return command


@click.group(cls=_Commands)
def main() -> None:
    """Measure edge."""


@main.command()
@click.argument("rows", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs"), show_default=True)
def bench(rows: tuple[str, ...], out: Path) -> None:
    """Print measured figures beside their targets; ROWS are ids or their beginnings."""
    from loadtest import bench as benches

    benches.run(rows, out)


@main.command()
@click.option("--keys", type=click.Path(path_type=Path), required=True, help="The cluster's keys file.")
@click.option("--cluster", default="demo", show_default=True)
@click.option("--seconds", type=click.FloatRange(1, 3600), default=30.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Default: the recording that is shipped.")
def record(keys: Path, cluster: str, seconds: float, out: Path | None) -> None:
    """Record the payloads of a cluster's gossip on the loopback device (needs root)."""
    from loadtest import recording

    out = out or recording.SHIPPED
    print(f"{recording.record(keys, cluster, seconds, out)} payloads in {out}")


@main.command()
@click.option("--recorded", type=click.Path(path_type=Path), help="Default: the recording that is shipped.")
@click.option("--out", type=click.Path(path_type=Path), help="Default: the dictionary that is shipped.")
def train(recorded: Path | None, out: Path | None) -> None:
    """Train the zstd dictionary of the wire from recorded payloads."""
    from loadtest import dictionary, recording

    print(dictionary.train(recorded or recording.SHIPPED, out or dictionary.SHIPPED))


try:
    main()
except ConfigError as error:
    print(f"loadtest: {error}", file=sys.stderr)
    sys.exit(2)
