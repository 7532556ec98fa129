"""What is made from the metrics: docs/METRICS.md and the dashboards of the chart.

`make metrics` says whether they are current; `make metrics ARGS=--write` writes them.
"""

import argparse
import asyncio
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from monitoring import boards, catalogue  # noqa: E402


def main() -> None:
    """Compare, or write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write what is made from the metrics")
    write = parser.parse_args().write
    made = {catalogue.PAGE: catalogue.page(asyncio.run(catalogue.entries()))}
    made |= {one.path: one.text_of_file for one in boards.BOARDS}
    stale = [path for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    if write:
        for path in stale:
            path.write_text(made[path], "utf-8")
    elif stale:
        names = ", ".join(str(path.relative_to(ROOT)) for path in stale)
        sys.exit(f"not up to date: {names}; `make metrics ARGS=--write` writes them")
    print(f"up to date: {len(made)} files that are made from the metrics")


if __name__ == "__main__":
    main()
