"""Much more than a store may hold goes through it, as fast as a viewer can ask: how far it exceeds its bound."""

import os
import re
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from loadtest import serving
from loadtest.rows import Row

TOTAL_BYTES = 10_000_000_000
BOUND_BYTES = 200_000_000
BODY_BYTES = 500_000  # two seconds of 2 Mbit/s
FILL_BYTES_S = 2_000_000  # that nginx is given to store once it is full
_MANAGER_S = 11  # between two looks of nginx's manager, and the burst
_CONNECTIONS = 32
_RUN_S = 10
_LOOK_S = 0.2
_ASKED = re.compile(r"(\d+) requests in ")
_SCRIPT = """
local number
function init(args) number = tonumber(args[1]) end
function request()
  number = number + 1
  return wrk.format("GET", "/churn/" .. number .. "/%d.mp4")
end
"""


class Churned(NamedTuple):
    """What was seen."""

    fills_s: float
    highest_bytes: int


class Watched:
    """Looks at the size of a folder all the time.

    Args:
        folder: of the store.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self.highest = 0

    def __enter__(self) -> "Watched":
        """Begin."""
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End."""
        self._end.set()
        self._thread.join(10)

    def _look(self) -> None:
        while not self._end.wait(_LOOK_S):
            self.highest = max(self.highest, size_of(self._folder))


def size_of(folder: Path) -> int:
    """Bytes of all files below a folder; those that go meanwhile may count or not."""
    found = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                found += os.stat(os.path.join(where, name)).st_size  # noqa: PTH116, PTH118  # five times as fast
            except FileNotFoundError:
                continue
    return found


def churned(url: str, stored: Path, total_bytes: int) -> Churned:
    """Ask `url` for other objects all the time, until so much has come.

    Args:
        url: of a node, or of the nginx before it.
        stored: where the files of its objects are.
        total_bytes: what is asked for.

    Raises:
        RuntimeError: some were not answered, or not with 200.
    """
    serving.warmed(url, f"/churn/0/{BODY_BYTES}.mp4")
    first, spent_s, done = 1, 0.0, 0
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script, Watched(stored) as watched:
        script.write(_SCRIPT % BODY_BYTES)
        script.flush()
        while done * BODY_BYTES < total_bytes:
            begun = time.monotonic()
            asked = _run(url, script.name, first)
            spent_s += time.monotonic() - begun
            done += asked
            first += asked + 2 * _CONNECTIONS  # those under way at the end are not counted
    return Churned(done / spent_s, watched.highest)


def rows(total_bytes: int = TOTAL_BYTES) -> Iterator[Row]:
    """Both backends, one after the other."""
    with tempfile.TemporaryDirectory() as folder, serving.bare() as origin:
        store = Path(folder) / "embedded"
        disk = {"cache.disk_path": str(store), "cache.disk_max_bytes": str(BOUND_BYTES)}
        with serving.node(origin, **disk) as url:
            yield from _told("embedded", churned(url, store / "objects", total_bytes), 1.0)
        store = Path(folder) / "nginx"
        bounds = {"nginx.max_bytes": str(BOUND_BYTES), "nginx.fill_bytes_s": str(FILL_BYTES_S)}
        with serving.nginx_with_node(origin, store, **bounds) as url:
            allowed = 100 * _MANAGER_S * FILL_BYTES_S / BOUND_BYTES
            yield from _told("nginx", churned(url, store / "cache", total_bytes), allowed + 1)


def _told(backend: str, seen: Churned, target: float) -> Iterator[Row]:
    what = f"{TOTAL_BYTES / 1e9:.0f} GB through a {BOUND_BYTES / 1e6:.0f} MB store, {backend}"
    over = 100 * (seen.highest_bytes - BOUND_BYTES) / BOUND_BYTES
    yield Row(f"serve.churn.{backend}.overshoot", f"{what}: greatest size over the bound", over, "%", target)
    yield Row(f"serve.churn.{backend}.rate", f"{what}: fills", seen.fills_s, "/s", None, False)


def _run(url: str, script: str, first: int) -> int:
    """How many were asked for."""
    asked = [
        "wrk",
        "-t1",
        f"-c{_CONNECTIONS}",
        f"-d{_RUN_S}s",
        "--timeout=20s",
        "-s",
        script,
        url,
        "--",
        str(first),
    ]
    found = _ASKED.search(serving.said_by(asked, url))
    assert found, "wrk tells how many requests it made"
    return int(found.group(1))
