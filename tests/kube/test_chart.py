"""What the API server says of the chart's objects."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from helm.render import CHART, CI, parse
from kube import kinds
from kube.programs import get, helm, kubectl
from kube.releases import Namespaces, Space

OTHERS = "monitoring"  # the namespace that values name for the Prometheus operator's objects


@pytest.fixture(scope="module")
def namespace(namespaces: Namespaces) -> Iterator[str]:
    """One in which everything is that the values count on."""
    made = kinds.make_missing()
    held = {one["metadata"]["name"] for one in get("namespaces")}
    if OTHERS not in held:
        kubectl("create", "namespace", OTHERS)
    yield namespaces.make("chart", level="privileged")
    if OTHERS not in held:
        kubectl("delete", "namespace", OTHERS, within_s=120)
    kinds.remove(made)


@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem)
def test_ci_values_pass_the_server(path: Path, namespace: str) -> None:
    options = ["edge", str(CHART), "-n", namespace, "-f", str(path)]
    told = json.loads(helm("install", *options, "--dry-run=server", "-o", "json"))
    texts = [told["manifest"], *(hook["manifest"] for hook in told.get("hooks") or [])]
    objects = [one for text in texts for one in parse(text)]
    for one in objects:
        one["metadata"].setdefault("namespace", namespace)  # as helm does; some are for other namespaces
    everything = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    accepted = kubectl("apply", "--dry-run=server", "-f", "-", stdin=everything).splitlines()
    assert [line for line in accepted if line.endswith("(server dry run)")] == accepted
    assert len(accepted) == len(objects)


def test_a_wrong_value_is_refused_before_anything_is_made(space: Space) -> None:
    namespace = space("wrong")
    with pytest.raises(AssertionError, match=r"at '/replicas'"):
        helm("install", "edge", str(CHART), "-n", namespace, "--set", "replicas=many")
    assert not get("all", "-n", namespace)
