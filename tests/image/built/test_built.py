"""The image that is built here: small, reproducible, and run as a pod runs it. `make image-test`; takes minutes."""

import asyncio
import json
import re
import signal
import time
from pathlib import Path

import aiohttp
import psutil
import pytest

from image.archive import Archive
from needs import needs

pytestmark = [needs("buildah", "mmdebstrap", "unshare"), pytest.mark.timeout(1700)]

COMPRESSED_MAX_BYTES = 100_000_000
READY_WITHIN_S = 1.5
LEFT_WITHIN_S = 8.0
IMPORT_ALL = """
import importlib, pkgutil, edge
names = [one.name for one in pkgutil.walk_packages(edge.__path__, "edge.") if not one.name.endswith("__main__")]
for name in names:
    importlib.import_module(name)
print(len(names))
"""
UNCOMPILED = """
import os, sys, edge.cli.node, edge.shell.kube.api
print([one.__name__ for one in list(sys.modules.values())
       if getattr(one, "__cached__", None) and not os.path.exists(one.__cached__)])
"""
ANSWERS = """
import json
from kubernetes.aio.client import V1Pod
pod = V1Pod.from_dict({"metadata": {"name": "a"}, "spec": {"containers": [{"name": "b"}]}})
print(pod.metadata.name, pod.spec.containers[0].name)
"""


def test_it_is_small_and_says_so(archive: Archive) -> None:
    size = archive.compressed_bytes()
    assert size <= COMPRESSED_MAX_BYTES
    said = re.search(r"edge-image\.tar: ([0-9.]+) MB compressed", archive.said)
    assert said
    assert float(said[1]) == pytest.approx(size / 1e6, rel=0.01)


def test_the_same_sources_give_the_same_image(archive: Archive, other: Archive) -> None:
    assert archive.settings["rootfs"]["diff_ids"] == other.settings["rootfs"]["diff_ids"]
    assert archive.path.read_bytes() == other.path.read_bytes()
    assert archive.sbom_path.read_bytes() == other.sbom_path.read_bytes()


def test_it_says_how_it_is_run(archive: Archive) -> None:
    says = archive.settings["config"]
    assert says["User"] == "65532:65532"
    assert says["Entrypoint"] == ["edge"]
    assert says["Cmd"] == ["run"]
    assert says["Labels"]["org.opencontainers.image.licenses"] == "Apache-2.0"
    version = says["Labels"]["org.opencontainers.image.version"]
    assert archive.manifest["RepoTags"] == [f"localhost/edge:{version}"]
    assert archive.sbom["metadata"]["component"]["version"] == version


def test_nothing_secret_and_nothing_that_builds_is_in_it(archive: Archive, root: Path) -> None:
    names = {path.name for path in root.rglob("*")}
    assert "edge" in names
    assert not names & {
        ".env",
        ".git",
        "cc",
        "gcc",
        "g++",
        "ld",
        "make",
        "hatchling",
        "requirements-tracing.lock",
        "requirements.lock",
        "tests",
    }
    assert not [name for name in names if name.startswith("stale")]
    assert not list((root / "run").glob("secrets/*"))
    assert "hunter2" not in json.dumps(archive.settings)


def test_the_bill_lists_what_is_installed(archive: Archive, root: Path) -> None:
    listed = {
        one["purl"].split("?")[0]
        for one in [archive.sbom["metadata"]["component"], *archive.sbom["components"]]
    }
    packages = next(root.glob("opt/edge/lib/python3.*/site-packages"))
    installed = [path.name.removesuffix(".dist-info").split("-") for path in packages.glob("*.dist-info")]
    python = {f"pkg:pypi/{name.replace('_', '-').lower()}@{version}" for name, version in installed}
    assert python == {one for one in listed if one.startswith("pkg:pypi/")}
    status = (root / "var/lib/dpkg/status").read_text()
    assert status.count("\nStatus: install ok installed\n") == len(
        [one for one in listed if "pkg:deb/" in one]
    )
    assert (root / "opt/edge/sbom.json").read_bytes() == archive.sbom_path.read_bytes()


def test_all_of_edge_can_be_imported_and_nothing_is_compiled_anew(archive: Archive, root: Path) -> None:
    assert int(archive.run(root, "python3", "-c", IMPORT_ALL)) > 50
    assert archive.run(root, "python3", "-c", UNCOMPILED).strip() == "[]"
    assert archive.run(root, "python3", "-c", ANSWERS).strip() == "a b"


def test_the_root_cannot_be_written(archive: Archive, root: Path) -> None:
    told = archive.run(
        root, "python3", "-c", "import os; print(os.getpid(), os.getuid(), os.access('/tmp', os.W_OK))"
    )
    assert told.split() == ["1", "65532", "False"]


async def test_as_process_1_it_is_ready_soon_and_leaves_when_told(archive: Archive, root: Path) -> None:
    tries = [await ready_and_left(archive, root) for _ in range(3)]
    assert min(tries) < READY_WITHIN_S


async def ready_and_left(archive: Archive, root: Path) -> float:
    """Start a node, tell it to end once it is ready; the seconds that it took to be ready."""
    binds = [f"--{which}-bind=127.0.0.1:0" for which in ("gossip", "public", "admin")]
    command = archive.as_a_pod(root, "run", "--node-name=a", "--cache-origin=http://127.0.0.1:1", *binds)
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.PIPE)
    try:
        async with asyncio.timeout(20):
            assert process.stderr
            said = ""
            while not (serves := re.search(r"admin (http://\S+:\d+)", said)):
                line = await process.stderr.readline()
                assert line, said
                said += line.decode()
            async with aiohttp.ClientSession() as http, http.get(f"{serves[1]}/readyz") as answer:
                assert answer.status == 200
        took = time.monotonic() - began
        node = psutil.Process(process.pid).children()[0]
        node.send_signal(signal.SIGTERM)
        async with asyncio.timeout(LEFT_WITHIN_S):
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            for child in psutil.Process(process.pid).children():  # a change of user undoes --kill-child
                child.kill()
            await process.wait()
    return took
