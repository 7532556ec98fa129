"""`python -m loadtest bench|sim|drive|merge|report|compare|swarm|liars|epidemic|record|train`."""

import sys
from pathlib import Path

import click

from edge.model import ConfigError
from loadtest import bench as benches
from loadtest import dictionary, recording
from loadtest.drive.command import drive_command, merge_command
from loadtest.epidemic import epidemic_command
from loadtest.report.command import compare_command, report_command
from loadtest.sim.command import sim_command
from loadtest.sim.lying import liars_command
from loadtest.sim.swarm import swarm_command


@click.group()
def main() -> None:
    """Measure edge."""


@main.command()
@click.argument("rows", nargs=-1)
@click.option("--out", type=click.Path(path_type=Path), default=Path("docs"), show_default=True)
def bench(rows: tuple[str, ...], out: Path) -> None:
    """Print measured figures beside their targets; ROWS are ids or their beginnings."""
    benches.run(rows, out)


@main.command()
@click.option("--keys", type=click.Path(path_type=Path), required=True, help="The cluster's keys file.")
@click.option("--cluster", default="demo", show_default=True)
@click.option("--seconds", type=click.FloatRange(1, 3600), default=30.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=recording.SHIPPED, show_default=False)
def record(keys: Path, cluster: str, seconds: float, out: Path) -> None:
    """Record the payloads of a cluster's gossip on the loopback device (needs root)."""
    count = recording.record(keys, cluster, seconds, out)
    print(f"{count} payloads in {out}")


@main.command()
@click.option("--recorded", type=click.Path(path_type=Path), default=recording.SHIPPED)
@click.option("--out", type=click.Path(path_type=Path), default=dictionary.SHIPPED)
def train(recorded: Path, out: Path) -> None:
    """Train the zstd dictionary of the wire from recorded payloads."""
    print(dictionary.train(recorded, out))


main.add_command(sim_command)
main.add_command(report_command)
main.add_command(compare_command)
main.add_command(drive_command)
main.add_command(merge_command)
main.add_command(swarm_command)
main.add_command(liars_command)
main.add_command(epidemic_command)

try:
    main()
except ConfigError as error:
    print(f"loadtest: {error}", file=sys.stderr)
    sys.exit(2)
