import time

from edge.shell.cutmetrics import cut_metrics
from edge.state.view import Partition


def values(cut: Partition | None) -> dict[str, float]:
    return {
        one.name + "".join(one.labels.values()): one.value
        for family in cut_metrics(cut)
        for one in family.samples
    }


def test_a_cut_is_told_with_its_number_its_time_and_its_zones() -> None:
    since = time.monotonic() - 12
    zones = (("delhi", 2), ("pune", 1))
    cut = Partition("mumbai-3", since, ("mumbai",), ("a", "b", "c"), zones, settled=True, majority=False)
    found = values(cut)
    declared = found.pop("edge_partition_since_timestamp_seconds")
    assert abs(time.time() - 12 - declared) < 1
    assert found == {
        "edge_partition_lost": 3,
        "edge_partition_number": 3,
        "edge_partition_minority": 1,
        "edge_partition_zone_lostdelhi": 2,
        "edge_partition_zone_lostpune": 1,
    }


def test_without_a_cut_all_is_nought() -> None:
    assert set(values(None).values()) == {0}
