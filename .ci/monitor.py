"""A Prometheus beside a demo that runs, as `make monitoring` starts it, with the chart's alerts; Ctrl-C ends it."""

import argparse
import asyncio
import signal
import sys
import tempfile
from pathlib import Path

import aiohttp

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from edge.demo.ports import HOST, PAGE_PORT  # noqa: E402
from edge.model import ConfigError  # noqa: E402
from monitoring.boards import PLACE  # noqa: E402
from monitoring.prometheus import PORT, Seen, Settings, port_for, seen_by, started  # noqa: E402

MISTAKE = 2


def _banner(url: str, seen: Seen, folder: Path, every_s: int) -> str:
    boards = PLACE.relative_to(ROOT)
    return f"""
  Prometheus  {url}
  alerts      {url}/alerts
  targets     {url}/targets   ({len(seen.admins)} nodes of cluster {seen.cluster}, each {every_s} s)
  dashboards  in a Grafana: Connections > Data sources > Prometheus with {url},
              then Dashboards > New > Import, once for each of {boards}/*.json
  log, data   {folder}   (removed at the end)

  Ctrl-C ends it
"""


async def run(admin: str, port: int, every_s: int) -> None:
    """Until a signal, or until Prometheus ends by itself.

    Raises:
        ConfigError: no demo runs, or Prometheus does not start.
    """
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    timeout = aiohttp.ClientTimeout(total=3)
    with tempfile.TemporaryDirectory(prefix="edge-monitoring-") as name:
        settings = Settings(Path(name), port_for(port), every_s)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            seen = await seen_by(http, admin)
            async with started(http, seen, settings) as (prometheus, process):
                print(_banner(prometheus.url, seen, settings.folder, every_s), flush=True)
                waits = [asyncio.create_task(stop.wait()), asyncio.create_task(process.wait())]
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
                for wait in waits:
                    wait.cancel()
                if not stop.is_set():
                    raise ConfigError(
                        "prometheus", f"ended by itself (status {process.returncode})", "start it again"
                    )
    print("Prometheus has ended")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--admin", default=f"http://{HOST}:{PAGE_PORT}", help="the demo's live page")
    parser.add_argument(
        "--port", type=int, default=0, help=f"Prometheus' own port on 127.0.0.1; else {PORT} or a free one"
    )
    parser.add_argument("--every-s", type=int, default=5, help="seconds between two scrapes")
    given = parser.parse_args()
    try:
        asyncio.run(run(given.admin.rstrip("/"), given.port, given.every_s))
    except ConfigError as error:
        print(f"edge: {error}", file=sys.stderr)
        sys.exit(MISTAKE)


if __name__ == "__main__":
    main()
