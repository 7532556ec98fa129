"""The benchmark's rows: each prints a measured figure beside its target; `docs/BENCHMARKS.md` keeps the last run."""

import json
import platform
import random
import statistics
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from edge.model import ConfigError
from edge.wire.compress import Compressor
from edge.wire.frame import SESSION_BYTES, Sealer
from edge.wire.keys import KeyRing
from loadtest import (
    churn,
    cost,
    fluid_rows,
    gossip_rows,
    route_rows,
    scrape_rows,
    serf,
    serve_rows,
    signed_rows,
    socket_rows,
    trust_rows,
)
from loadtest.recording import as_pods, keyed, node_records, payload, payloads
from loadtest.rows import Row, line, number

SEED = 1


def gossip_record() -> Iterator[Row]:
    """Size of one full node record (member, load, five hottest segments) as one frame.

    Loads and segments are of the half that the dictionary was not trained on. The demo's eight names and addresses it
    has seen, as they are told in the cluster's first second; those of the pods it has not.
    """
    heard = payloads()
    half = len(heard) // 2
    records = [keyed(one) for one in node_records(heard[half:], earlier=heard[:half])]
    rng = random.Random(SEED)
    pods = [as_pods(one, rng) for one in records]
    for name, what, chosen, target in (
        ("", "recorded in the demo", records, 120.0),
        (".pods", "the same under pod names and addresses", pods, 120.0),
    ):
        sealer = Sealer(KeyRing.insecure("bench"), "bench", bytes(SESSION_BYTES), Compressor())
        plain = [payload(one) for one in chosen]
        sealed = [len(sealer.seal(one)) for one in plain]
        yield Row(
            f"gossip.record{name}",
            f"full node record sealed, mean, {what}",
            statistics.fmean(sealed),
            "B",
            target,
        )
        yield Row(
            f"gossip.record{name}.plain",
            f"its JSON, mean, {what}",
            statistics.fmean(map(len, plain)),
            "B",
            None,
        )


ROWS: dict[str, Callable[[], Iterator[Row]]] = {
    "gossip.record": gossip_record,
    "gossip.urgent": gossip_rows.urgent,
    "gossip.load-age": gossip_rows.load_age,
    "gossip.quiet": gossip_rows.quiet,
    "gossip.serf": serf.serf_rows,
    "gossip.crash": gossip_rows.crash,
    "gossip.false": gossip_rows.false_alarms,
    "gossip.delivery": gossip_rows.delivery,
    "gossip.partition.12": gossip_rows.partition_12,
    "gossip.partition.300": gossip_rows.partition_300,
    "gossip.sockets": socket_rows.socket_rows,
    "gossip.cost": cost.cost,
    "gossip.flood": trust_rows.flood,
    "gossip.liar": trust_rows.liars,
    "gossip.signed": signed_rows.signed,
    "scale.final": fluid_rows.final,
    "scrape": scrape_rows.scrape,
    "serve.balance": route_rows.balance,
    "serve.churn": churn.rows,
    "serve.dead": route_rows.dead,
    "serve.decision": route_rows.decision,
    "serve.embedded": serve_rows.embedded,
    "serve.hits": fluid_rows.hits,
    "serve.nginx": serve_rows.nginx,
    "serve.origin": serve_rows.origin,
    "serve.redirect": route_rows.redirect,
    "serve.steering": serve_rows.steering,
    "sim.speed": gossip_rows.speed,
}


def run(wanted: tuple[str, ...], out: Path) -> None:
    """Measure the rows whose id is or begins with a word of `wanted` (all, if there is none), and write them down.

    Raises:
        ConfigError: a word names no row.
    """
    for word in wanted:
        if not any(name.startswith(word) for name in ROWS):
            raise ConfigError("ROWS", f"no row {word}", f"there are {', '.join(ROWS)}")
    chosen = [name for name in ROWS if not wanted or any(name.startswith(word) for word in wanted)]
    for name in chosen:  # some take minutes: what is measured is written down at once
        rows = []
        for row in ROWS[name]():
            print(line(row), flush=True)
            rows.append(row)
        write(rows, out)


def write(rows: list[Row], out: Path) -> None:
    """Merge the rows into `benchmarks.json`, and write the table from it."""
    out.mkdir(exist_ok=True)
    store = out / "benchmarks.json"
    known = {entry["id"]: entry for entry in json.loads(store.read_text())} if store.exists() else {}
    today = datetime.now(UTC).date().isoformat()
    for row in rows:
        entry = asdict(row) | {"value": round(row.value, 3), "holds": row.holds, "seed": SEED, "date": today}
        entry["command"] = f"make bench ROWS={next(name for name in ROWS if row.id.startswith(name))}"
        known[row.id] = entry
    entries = [known[name] for name in sorted(known)]
    store.write_text(json.dumps(entries, indent=2, ensure_ascii=False) + "\n")
    (out / "BENCHMARKS.md").write_text(_table(entries))


def _table(entries: list[dict[str, Any]]) -> str:
    machine = f"{platform.machine()}, Python {platform.python_version()}, {platform.system()}"
    lines = [
        "# Benchmarks",
        "",
        f"`make bench` prints and writes this; last written on: {machine}. For programs: benchmarks.json.",
        "",
        "| id | figure | value | target | | command | date |",
        "| --- | --- | ---: | ---: | --- | --- | --- |",
    ]
    for entry in entries:
        sign = "≤" if entry["lower_is_better"] else "≥"
        target = "" if entry["target"] is None else f"{sign} {entry['target']:,g} {entry['unit']}"
        verdict = {True: "holds", False: "**missed**", None: ""}[entry["holds"]]
        value = f"{number(entry['value'])} {entry['unit']}"
        cells = (
            f"`{entry['id']}`",
            entry["figure"],
            value,
            target,
            verdict,
            f"`{entry['command']}`",
            entry["date"],
        )
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines) + "\n"
