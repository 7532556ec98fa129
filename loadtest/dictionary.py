"""Trains the wire's zstd dictionary from the first half of the recorded traffic; the benchmark uses the other half."""

import random
from pathlib import Path

import zstandard

from edge.wire import compress
from loadtest.recording import as_pods, node_records, payload, payloads

SHIPPED = Path(compress.__file__).with_name("traffic.zdict")
SIZE_BYTES = 8192  # smaller and larger ones lose on held-out records


def train(recorded: Path, out: Path) -> str:
    """Write the dictionary to `out`; a sentence about it."""
    heard = payloads(recorded)
    half = heard[: len(heard) // 2]
    rng = random.Random(1)
    samples: list[bytes | bytearray | memoryview[int]] = []
    samples += [payload(one) for one in half] + [payload(as_pods(one, rng)) for one in half]
    # Small datagrams gain most from a dictionary, and they are many: single records and single messages too.
    records = node_records(half)
    samples += [payload(one) for one in records] + [payload(as_pods(one, rng)) for one in records]
    samples += [payload([message]) for one in half for message in one]
    trained = zstandard.train_dictionary(SIZE_BYTES, samples, level=compress.LEVEL)
    out.write_bytes(trained.as_bytes())
    return f"{len(trained.as_bytes())} bytes from {len(samples)} samples in {out}"
