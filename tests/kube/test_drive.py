"""Machines of an Indexed Job drive viewers at a release, and their reports become one."""

from collections.abc import Callable
from pathlib import Path

import yaml

from helm.manifests import PLACE
from kube.live import Live
from kube.programs import get, kubectl, until
from loadtest.drive import report
from loadtest.drive.merge import read

MACHINES, VIEWERS = 3, 60
DONE_S = 240.0
FIRST = "batch.kubernetes.io/job-name=drive,batch.kubernetes.io/job-completion-index=0"


def overlay(namespace: str, folder: Path) -> None:
    """A kustomization as a person would write it: other numbers, another namespace."""
    count = [
        {"op": "replace", "path": f"/spec/{name}", "value": MACHINES}
        for name in ("completions", "parallelism")
    ]
    literals = [f"VIEWERS={VIEWERS}", "SPEED=24", f"MACHINES={MACHINES}"]
    made = {
        "namespace": namespace,
        "resources": ["base"],
        "patches": [{"target": {"kind": "Job", "name": "drive"}, "patch": yaml.safe_dump(count)}],
        "configMapGenerator": [{"name": "drive", "behavior": "merge", "literals": literals}],
        "generatorOptions": {"disableNameSuffixHash": True},
    }
    (folder / "base").symlink_to(PLACE / "loadtest")
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(made))


def test_machines_drive_as_one(live: Live, tmp_path: Path, saw: Callable[[str], None]) -> None:
    namespace = live.release.namespace
    overlay(namespace, tmp_path)
    kubectl("apply", "-k", str(tmp_path))
    state: Callable[[], dict[str, int]] = lambda: get("job", "-n", namespace)[0]["status"]  # noqa: E731
    until(lambda: state().get("completionTime"), DONE_S, "the Job is complete")
    assert state()["succeeded"] == MACHINES
    log = tmp_path / "drive.log"
    log.write_text(kubectl("logs", "-n", namespace, "-l", FIRST, "--tail=-1"))
    made = read(log)
    pods = get("pods", "-n", namespace, "-l", "batch.kubernetes.io/job-name=drive")
    machines = {one["spec"]["nodeName"] for one in pods}
    saw(
        f"{made['counts']['requests']:.0f} requests of {max(made['series']['viewers'])} viewers on {len(machines)} "
        f"machines, segments p99 {made['latency_ms']['segment']['p99']} ms, {made['failed_outside']} failed"
    )
    assert made["indices"] == list(range(MACHINES))
    assert 0.9 * VIEWERS < max(made["series"]["viewers"]) <= VIEWERS  # some end as others begin
    # so few viewers of one stream are at home with its owners: not all three nodes need to have some
    pods_of_edge = {f"{pod.ip}:7780" for pod in live.release.pods()}
    entered = made["nodes"].pop("edge:80")
    assert set(made["nodes"]) <= pods_of_edge, "they are sent from the Service to pods"
    assert sum(made["nodes"].values()) > 10 * entered
    assert len(machines) > 1
    assert report.holds(made), made["verdicts"]
