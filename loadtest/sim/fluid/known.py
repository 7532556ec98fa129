"""How late nodes know of each other: what the packet simulation measured, as the benchmark keeps it."""

import json
from dataclasses import dataclass
from pathlib import Path

from edge.model import ConfigError

MEASURED = Path(__file__).resolve().parents[3] / "docs" / "benchmarks.json"
_AGE = "gossip.load-age.300.100ms.p95"
_DEATH = "gossip.crash.serving.shunned.p99"
_CUT = "gossip.partition.300.declared"
_HEAL = "gossip.partition.300.closed"


@dataclass(frozen=True, slots=True)
class Known:
    """Delays of knowledge, seconds."""

    view_age_s: float  # 95% of what is known of loads is younger
    death_s: float  # until nobody holds a dead node alive
    cut_s: float  # until a cut is declared by all
    heal_s: float  # until nobody holds it any more


def measured(view_age_s: float | None = None) -> Known:
    """The last measured figures; `view_age_s` takes the place of the measured age.

    Raises:
        ConfigError: they were never measured.
    """
    try:
        rows = {row["id"]: float(row["value"]) for row in json.loads(MEASURED.read_text("utf-8"))}
        age_s = rows[_AGE] / 1000 if view_age_s is None else view_age_s
        return Known(age_s, rows[_DEATH], rows[_CUT], rows[_HEAL])
    except (OSError, KeyError) as error:
        raise ConfigError(str(MEASURED), f"lacks {error}", "`make bench ROWS=gossip` writes it") from None
