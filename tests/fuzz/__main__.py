"""`python -m fuzz [TARGETS]`: a campaign, several targets at a time, each in a process of its own."""

import base64
import hashlib
import importlib.util
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from edge.model import ConfigError
from fuzz import corpus
from fuzz.campaign import Outcome, Plan, carry_out, told
from fuzz.targets import TARGETS

FOLDER = Path("build/fuzz")
KEPT_BYTES = 8_000  # of a target's corpus, in base64


@click.command()
@click.argument("names", nargs=-1, metavar="[TARGETS]")
@click.option(
    "--seconds", type=click.FloatRange(1), default=60.0, show_default=True, help="Of all targets together."
)
@click.option(
    "--inputs", type=click.IntRange(1), help="How many of all targets together, in place of a time."
)
@click.option("--seed", type=click.IntRange(1), default=1, show_default=True)
@click.option("--jobs", type=click.IntRange(1, 64), default=2, show_default=True, help="Targets at a time.")
@click.option("--keep", is_flag=True, help="Minimise what was learnt into the corpus.")
@click.option("--replay", metavar="BASE64", help="Try this one input of the one target.")
def main(names: tuple[str, ...], replay: str | None, jobs: int, **given: float | int | bool | None) -> None:
    """Try inputs on TARGETS, by default all; exit code 1 where a law is broken."""
    chosen = [_named(name) for name in names] or list(TARGETS)
    if replay is not None:
        for name in chosen[:1]:
            TARGETS[name].run(base64.b64decode(replay))
        return
    if importlib.util.find_spec("atheris") is None:
        hint = (
            "it is built for CPython 3.11 to 3.14 on Linux, x86-64; `make test` tries the corpus everywhere"
        )
        raise ConfigError("atheris", "is not installed", hint)
    shares = sum(TARGETS[name].share for name in chosen)
    seconds = float(given["seconds"] or 0) * jobs / len(chosen)
    plans = [
        Plan(
            TARGETS[name],
            _begun(name),
            int(given["seed"] or 1),
            seconds=0 if given["inputs"] else max(1, round(seconds)),
            inputs=round((given["inputs"] or 0) * TARGETS[name].share / shares),
        )
        for name in chosen
    ]
    with ThreadPoolExecutor(jobs) as pool:
        outcomes = list(pool.map(_carried_out, plans))
    if given["keep"]:
        for outcome in outcomes:
            outcome.kept = corpus.write(outcome.name, outcome.minimised(), KEPT_BYTES)
    print(told(outcomes))
    sys.exit(any(outcome.finding for outcome in outcomes))


def _carried_out(plan: Plan) -> Outcome:
    outcome = carry_out(plan)
    print(outcome.line, flush=True)
    return outcome


def _named(name: str) -> str:
    if name not in TARGETS:
        raise ConfigError("target", f"there is no {name}", f"known are {', '.join(TARGETS)}")
    return name


def _begun(name: str) -> Path:
    """A folder with the inputs that a campaign begins with."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "corpus").mkdir(parents=True)
    for one in [*TARGETS[name].seeds(), *corpus.kept(name)]:
        (folder / "corpus" / hashlib.sha256(one).hexdigest()[:16]).write_bytes(one)
    return folder


try:
    main()
except ConfigError as error:
    print(f"fuzz: {error}", file=sys.stderr)
    sys.exit(2)
