"""`python -m loadtest epidemic`: how one durable event spreads, by each way of gossip, beside what theory says."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.table import Table

from edge.model import ConfigError
from loadtest.epidemic_theory import Curve, delayed, final_residue, model_of, sir
from loadtest.sim.rumour import MODES, Measured, Setting, measure

SHIPPED = Path("docs/epidemic.svg")
FORMATS = (".png", ".svg")
_NOTES = """\
Times in milliseconds, means over the runs. SIR: until 50/95% by the ODE, in which datagrams take no time; it has no
rate for what is forwarded at once. Delayed: the same model with the network's delays and regular ticks; nothing in it
is fitted. Gap: greatest difference of the shares that know, simulation against the delayed model. Later: what the
usual start loses against the mean of all starts. Shape: the gap when theory is moved by that.
Told: datagrams a node that carry the event, in all. Sent: datagrams of every kind a node, until the last one heard.
Anti-entropy, which is off here, finds those whom gossip never reached."""


@dataclass(frozen=True)
class Compared:
    """Simulation and theory of one setting."""

    measured: Measured
    plain: Curve | None  # SIR as an ODE; none where contacts have no rate
    theory: Curve  # with the ways' delays

    @cached_property
    def later_s(self) -> float:
        """By how much the simulation comes to half of the nodes after theory does; seconds.

        Theory is the mean over what may happen, and the mean of an exponential growth is that of its lucky starts. So
        the usual start is later: by 0.577 / growth on average where contacts come at random (Yule's process).
        """
        simulated, expected = self.measured.time_s(0.5), self.theory.time_s(0.5)
        return simulated - expected if simulated is not None and expected is not None else 0.0

    def gap(self, *, aligned: bool = False) -> float:
        """Greatest difference between the shares that know, 0 to 1.

        Args:
            aligned: move theory by `later_s` first, which leaves the difference in shape.
        """
        shift_s = self.later_s if aligned else 0.0
        nodes = self.measured.setting.nodes
        return max(
            abs(self.theory.at(heard_s - shift_s) - (rank + 0.5) / nodes)
            for rank, heard_s in enumerate(self.measured.heard_s)
        )

    @property
    def residue(self) -> float:
        """Share of nodes that gossip never reaches, in theory."""
        return 1 - self.theory.known[-1]


def compare(setting: Setting, seed: int, runs: int) -> Compared:
    """Simulate a setting under `runs` seeds from `seed` on, and integrate its theory."""
    model = model_of(setting)
    plain = None if model.burst else sir(model)
    return Compared(measure(setting, seed, runs), plain, delayed(model))


def times_table(compared: Sequence[Compared]) -> Table:
    """How fast, against theory, and at what cost."""
    setting = compared[0].measured.setting
    table = Table(
        box=SIMPLE,
        collapse_padding=True,
        title=f"One durable event, N={setting.nodes}, loss {setting.loss:.0%}, "
        f"{len(compared[0].measured.runs)} runs, at most {setting.limit} sends a node",
    )
    table.add_column("mode")
    for name in ("50/95/100%", "SIR", "delayed", "gap", "later", "shape", "told", "sent"):
        table.add_column(name, justify="right")
    for one in compared:
        measured = one.measured
        table.add_row(
            measured.setting.mode,
            _times([measured.time_s(share) for share in (0.5, 0.95, 1.0)]),
            _times([one.plain.time_s(share) for share in (0.5, 0.95)]) if one.plain else "–",
            _times([one.theory.time_s(share) for share in (0.5, 0.95)]),
            f"{one.gap():.1%}",
            f"{one.later_s * 1000:+.0f}",
            f"{one.gap(aligned=True):.1%}",
            f"{measured.told:.1f}",
            f"{measured.sent:.1f}",
        )
    return table


def residue_table(usual: Sequence[Compared], few: Sequence[Compared]) -> Table:
    """Who is never reached by gossip alone, with the usual number of sends and with few."""
    limits = [rows[0].measured.setting.limit for rows in (usual, few)]
    table = Table(title="Never reached by gossip alone", box=SIMPLE)
    table.add_column("mode")
    for limit in limits:
        table.add_column(f"{limit} sends", justify="right")
        table.add_column("theory", justify="right")
    for row in zip(usual, few, strict=True):
        cells = [cell for one in row for cell in (f"{one.measured.residue:.2%}", f"{one.residue:.2%}")]
        table.add_row(row[0].measured.setting.mode, *cells)
    table.caption = f"e^-m for push with {limits[1]} sends, no loss: {final_residue(limits[1]):.2%}"
    return table


def _times(seconds: Sequence[float | None]) -> str:
    return "/".join("never" if one is None else f"{one * 1000:.0f}" for one in seconds)


@click.command("epidemic")
@click.option("--nodes", type=click.IntRange(10, 5000), default=300, show_default=True)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Of the first run; the others follow it."
)
@click.option("--runs", type=click.IntRange(1, 100), default=5, show_default=True)
@click.option("--loss", type=click.FloatRange(0, 0.5), default=0.0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=SHIPPED, show_default=True)
def epidemic_command(nodes: int, seed: int, runs: int, loss: float, out: Path) -> None:
    """Simulate how one event spreads by push, pull, push-pull and eager forwarding; draw it beside theory."""
    from loadtest import epidemic_plot  # noqa: PLC0415  (matplotlib is slow to import, and only this needs it)

    if out.suffix not in FORMATS:
        raise ConfigError("--out", f"cannot draw {out}", f"the name ends with {' or '.join(FORMATS)}")
    usual = [compare(Setting(mode, nodes, loss), seed, runs) for mode in MODES]
    epidemic_plot.write(epidemic_plot.draw(usual), out)
    console = Console()
    console.print(times_table(usual))
    few = [compare(Setting(mode, nodes, loss, retransmit=1), seed, runs) for mode in MODES]
    console.print(residue_table(usual, few))
    console.print(_NOTES, highlight=False)
    console.print(f"The plot is in {out}.", highlight=False)
