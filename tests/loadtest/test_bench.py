import json
from pathlib import Path

import pytest

from edge.model import ConfigError
from loadtest import bench
from loadtest.rows import Row, line


def test_a_row_says_whether_it_holds() -> None:
    assert Row("a", "x", 119.9, "B", 120.0).holds is True
    assert Row("a", "x", 120.1, "B", 120.0).holds is False
    assert Row("a", "x", 0.5, "", 0.95, lower_is_better=False).holds is False
    assert Row("a", "x", 1.0, "B", None).holds is None
    assert "MISSED" in line(Row("a", "x", 121.0, "B", 120.0))


def test_a_part_of_the_rows_leaves_the_others_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = Row("gossip.a", "the one", 1.0, "B", 2.0), Row("serve.b", "the other", 3.0, "ms", 2.0)
    monkeypatch.setattr(bench, "ROWS", {"gossip.a": lambda: iter([first]), "serve.b": lambda: iter([second])})
    bench.run((), tmp_path)
    bench.run(("gossip",), tmp_path)
    entries = json.loads((tmp_path / "benchmarks.json").read_text())
    assert [(entry["id"], entry["holds"], entry["command"]) for entry in entries] == [
        ("gossip.a", True, "make bench ROWS=gossip.a"),
        ("serve.b", False, "make bench ROWS=serve.b"),
    ]
    table = (tmp_path / "BENCHMARKS.md").read_text()
    assert "| `serve.b` | the other | 3 ms | ≤ 2 ms | **missed** |" in table


def test_a_row_that_is_not_there_is_told() -> None:
    with pytest.raises(ConfigError, match=r"ROWS: no row nothing; there are gossip\.record, "):
        bench.run(("nothing",), Path("unused"))


def test_a_full_node_record_is_as_small_as_we_say() -> None:
    """Exact for the shipped recording and dictionary, so it may be a test; the target is 120 B."""
    sizes = {row.id: row.value for row in bench.gossip_record()}
    assert sizes["gossip.record"] <= 120
    assert sizes["gossip.record.pods"] <= 120
