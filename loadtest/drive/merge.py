"""One report of several machines' shares of the same run."""

import json
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edge.model import ConfigError
from loadtest.drive import report
from loadtest.drive.histograms import merged
from loadtest.drive.printed import found
from loadtest.drive.series import added

SAME = ("kind", "scenario", "seed", "viewers", "speed", "of")
_ADDED = ("errors", "errors_outside", "nodes", "rungs", "counts")


def read(path: Path) -> dict[str, Any]:
    """A report, by its file or its folder, or by a log that has it as a line; `-` is the standard input.

    Raises:
        ConfigError: it is none of a drive.
    """
    file = path / report.FILE if path.is_dir() else path
    try:
        text = sys.stdin.read() if str(path) == "-" else file.read_text("utf-8")
        made: dict[str, Any] = json.loads(text if text.lstrip().startswith("{") else found(text))
        if made["kind"] != "drive":
            raise ValueError(f"is of kind {made['kind']}")
        report.finished(made)
    except OSError as error:
        raise ConfigError(str(file), f"cannot be read: {error.strerror}", _HINT) from None
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(str(file), f"is no report of a drive ({error!r})", _HINT) from None
    return made


_HINT = "give report.json, or its folder, or a log with --print-report, as `loadtest drive` wrote it"


def merge(reports: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """All of them as one; which must be shares of the same run, each share once.

    Raises:
        ConfigError: they are not.
    """
    first = reports[0]
    for one in reports:
        for name in SAME:
            if one[name] != first[name]:
                problem = f"{name} is {one[name]} here, and {first[name]} there"
                raise ConfigError("merge", problem, "merge what ran with the same options but for --index")
    given = sorted(index for one in reports for index in one["indices"])
    if len(set(given)) < len(given):
        raise ConfigError("merge", f"shares {given} are not each there once", "give each report once")
    began_s = min(one["began_s"] for one in reports)
    made = dict(first) | {"indices": given, "began_s": began_s}
    for name in ("asked", "workers", "max_rate", "failed_in_faults", "failed_outside"):
        made[name] = sum(one[name] for one in reports)
    made["seconds"] = max(one["seconds"] + one["began_s"] - began_s for one in reports)
    for name in _ADDED:
        made[name] = dict(sum((Counter(one[name]) for one in reports), Counter()))
        made[name] |= {key: 0 for one in reports for key in one[name] if key not in made[name]}
    made["stalls"] = {name: sum(one["stalls"][name] for one in reports) for name in ("count", "seconds")}
    made["histograms"] = {
        name: merged(one["histograms"][name] for one in reports).encoded() for name in first["histograms"]
    }
    offsets_s = [one["began_s"] - began_s for one in reports]
    made["series"] = added([one["series"] for one in reports], offsets_s)
    return report.finished(made)
