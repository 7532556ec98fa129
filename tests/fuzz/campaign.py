"""One target's part of a campaign: libFuzzer in a process of its own, and what it has to tell."""

import base64
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fuzz.target import Target

_TIMEOUT_S = 5  # of one input
_RSS_MB = 1024
_GRACE_S = 120  # for the start, and the corpus
_LONGEST_S = 8 * 3600
_UNITS = re.compile(r"stat::number_of_executed_units:\s+(\d+)")
_RATE = re.compile(r"exec/s: (\d+)")
_EDGES = re.compile(r"cov: (\d+)")
_SECONDS = re.compile(r"Done \d+ runs in (\d+) second")
_LAST_WORDS = 12
_FINDING = "finding"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be tried.

    Args:
        target: on which.
        folder: of its own, with inputs in `corpus`.
        seed: of all chance.
        seconds: how long; 0: no bound.
        inputs: how many; 0: no bound.
    """

    target: Target
    folder: Path
    seed: int
    seconds: int = 0
    inputs: int = 0


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    name: str
    folder: Path
    inputs: int
    seconds: int
    edges: int
    finding: str = ""  # what was raised
    culprit: bytes = b""  # by which input
    kept: int = 0

    @property
    def line(self) -> str:
        """For people; a finding with the command that tries it again."""
        rate = self.inputs / max(1, self.seconds)
        text = f"{self.name:12} {self.inputs:9,} inputs {rate:9,.0f}/s {self.edges:5} edges"
        if not self.finding:
            return text
        again = base64.b64encode(self.culprit).decode()
        return f"{text}\n{self.finding}\n  make fuzz ARGS='{self.name} --replay {again}'"

    def minimised(self) -> list[bytes]:
        """The fewest inputs that cover as much."""
        smaller = self.folder / "minimised"
        smaller.mkdir(exist_ok=True)
        given = str(smaller), str(self.folder / "corpus")
        _run(self.name, str(self.folder / _FINDING), "-merge=1", f"-timeout={_TIMEOUT_S}", *given)
        return [path.read_bytes() for path in sorted(smaller.iterdir())]


def carry_out(plan: Plan) -> Outcome:
    """Try inputs until the plan is fulfilled or a law is broken."""
    target = plan.target
    done = _run(
        target.name,
        str(plan.folder / _FINDING),
        f"-seed={plan.seed}",
        f"-max_len={target.most_bytes}",
        f"-timeout={_TIMEOUT_S}",
        f"-rss_limit_mb={_RSS_MB}",
        f"-artifact_prefix={plan.folder}/",
        "-print_final_stats=1",
        *([f"-max_total_time={plan.seconds}"] if plan.seconds else []),
        *([f"-runs={plan.inputs}"] if plan.inputs else []),
        *_words(plan),
        str(plan.folder / "corpus"),
    )
    said = done.stderr + done.stdout
    (plan.folder / "log").write_text(said)
    units, seconds, edges = _UNITS.search(said), _SECONDS.search(said), _EDGES.findall(said)
    outcome = Outcome(
        name=target.name,
        folder=plan.folder,
        inputs=int(units[1]) if units else 0,
        seconds=int(seconds[1]) if seconds else plan.seconds,
        edges=int(edges[-1]) if edges else 0,
    )
    if done.returncode:
        outcome.culprit = next((one.read_bytes() for one in _culprits(plan.folder)), b"")
        outcome.finding = _finding(said)
    return outcome


def told(outcomes: Sequence[Outcome]) -> str:
    """The sum of all."""
    inputs = sum(one.inputs for one in outcomes)
    found = sum(bool(one.finding) for one in outcomes)
    kept = f", {sum(one.kept for one in outcomes)} inputs kept" if any(one.kept for one in outcomes) else ""
    return f"{inputs:,} inputs on {len(outcomes)} targets: {found or 'no'} findings{kept}"


def _culprits(folder: Path) -> Iterator[Path]:
    """What raised; else what libFuzzer kept, of inputs that took too long or too much."""
    yield from folder.glob(_FINDING)
    yield from sorted(folder.glob("*-*"))


def _words(plan: Plan) -> list[str]:
    """libFuzzer's dictionary of a target, if it has one."""
    if not plan.target.words:
        return []
    path = plan.folder / "words"
    quoted = ("".join(f"\\x{byte:02x}" for byte in word) for word in plan.target.words)
    path.write_text("".join(f'"{word}"\n' for word in quoted))
    return [f"-dict={path}"]


def _run(name: str, *options: str) -> "subprocess.CompletedProcess[str]":
    tests = Path(__file__).resolve().parents[1]
    paths = os.pathsep.join((str(tests.parent), str(tests)))
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONHASHSEED": "0"}  # the same seed, the same inputs
    return subprocess.run(
        [sys.executable, "-m", "fuzz.one", name, *options],
        capture_output=True,
        text=True,
        errors="replace",
        env=environment,
        check=False,
        timeout=_LONGEST_S + _GRACE_S,
    )


def _finding(said: str) -> str:
    """The traceback, or what libFuzzer says where there is none."""
    lines = said.splitlines()
    start = next((at for at, line in enumerate(lines) if "Uncaught Python exception" in line), None)
    if start is None:
        return "\n".join([line for line in lines if "ERROR" in line] or lines[-3:])
    end = next((at for at, line in enumerate(lines[start:], start) if "libFuzzer" in line), len(lines))
    return "\n".join(lines[max(start, end - _LAST_WORDS) : end])
