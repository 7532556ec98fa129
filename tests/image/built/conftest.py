"""The image built twice, each time from a copy of the same sources and a base of its own; and its files, unpacked."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from image.archive import Archive

ROOT = Path(__file__).resolve().parents[3]
SOURCES = (
    ".ci",
    ".dockerignore",
    "Containerfile",
    "LICENSE",
    "README.md",
    "edge",
    "loadtest",
    "pyproject.toml",
    "requirements-tracing.lock",
    "requirements.lock",
)
SHELLS = ("bash", "dash", "rbash", "sh")
EPOCH_S = "1767225600"  # 2026-01-01
BUILD_S = 800  # on a machine with much else to do; alone it takes about 70


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sources as they are now, and what may lie about in a tree but must not get into an image."""
    tree = tmp_path_factory.mktemp("image") / "sources"
    tree.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, tree / name)
    (tree / ".env").write_text("PASSWORD=hunter2\n")
    (tree / "edge/__pycache__").mkdir()
    (tree / "edge/__pycache__/stale.cpython-313.pyc").write_bytes(b"stale")
    return tree


def build(sources: Path, directory: Path) -> Archive:
    """Build the image in `directory`, from a copy of the sources whose files have the times of now."""
    tree, out = directory / "tree", directory / "out"
    shutil.copytree(sources, tree, copy_function=shutil.copy)
    own = {"BUILDER": "buildah", "BASE": "debian", "OUT": str(out), "SOURCE_DATE_EPOCH": EPOCH_S}
    done = subprocess.run(
        [tree / ".ci/image"],
        env=os.environ | own,
        capture_output=True,
        text=True,
        timeout=BUILD_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return Archive(out / "edge-image.tar", out / "edge-image.sbom.json", done.stdout)


@pytest.fixture(scope="session")
def archive(tmp_path_factory: pytest.TempPathFactory, sources: Path) -> Archive:
    return build(sources, tmp_path_factory.mktemp("image") / "one")


@pytest.fixture(scope="session")
def other(tmp_path_factory: pytest.TempPathFactory, sources: Path, archive: Archive) -> Archive:
    """Built a little later, in another place."""
    return build(sources, tmp_path_factory.mktemp("image") / "two")


@pytest.fixture(scope="session")
def root(tmp_path_factory: pytest.TempPathFactory, archive: Archive) -> Path:
    """The image's files, without the shells: what runs here needs none."""
    directory = tmp_path_factory.mktemp("image") / "root"
    archive.unpack(directory)
    for shell in SHELLS:
        (directory / "usr/bin" / shell).unlink(missing_ok=True)
    return directory
