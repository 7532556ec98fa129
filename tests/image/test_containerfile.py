"""What can be said of the image without building it; tests/image/built builds it."""

import fnmatch
import json
import os
import re
import runpy
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

PACKAGE = "edge-coordinator"
ROOT = Path(__file__).resolve().parents[2]
SBOM = ROOT / ".ci/image_sbom.py"
TRIM = ROOT / ".ci/image_trim.py"
PINNED = re.compile(r"^[a-z0-9./-]+/python:3\.\d+(\.\d+)?-slim(-[a-z]+)?$")
SECRET = re.compile(r"(?i)(password|passwd|secret|token|api_?key|private_?key)[a-z_]*\s*=")

Step = tuple[str, str]  # the instruction and the rest of it


def steps(text: str) -> list[Step]:
    """The instructions of a Containerfile, without comments, continued lines joined."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", kept)
    return [
        (word, rest.strip())
        for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)
    ]


def stages(text: str) -> list[list[Step]]:
    """The steps from each FROM to the next."""
    found: list[list[Step]] = []
    for step in steps(text):
        if step[0] == "FROM":
            found.append([])
        if found:
            found[-1].append(step)
    return found


def wrong(text: str) -> list[str]:
    """What a Containerfile does that ours must not."""
    *builds, final = stages(text)
    said = dict(final)
    pips = [
        rest
        for stage in builds
        for word, rest in stage
        if word == "RUN"
        for rest in rest.split("&&")
        if "/pip" in rest
    ]
    bases = [rest for word, rest in steps(text) if word == "ARG" and rest.startswith("BASE=")]
    checks = {
        "the base is no slim Python of a version": bases and PINNED.match(bases[0].removeprefix("BASE=")),
        "a stage has another base": all(
            dict(one)["FROM"].split()[0] == "${BASE}" for one in (*builds, final)
        ),
        "one stage": bool(builds),
        "root, or a user by name": re.fullmatch(r"[1-9]\d*:[1-9]\d*", said.get("USER", "")),
        "a shell starts it": said.get("ENTRYPOINT", "").startswith("["),
        "the last stage runs something": "RUN" not in said,
        "a package without digest or from elsewhere": pips
        and all(
            ("--require-hashes" in one and "--only-binary :all:" in one) or "--no-index" in one
            for one in pips
        ),
        "fetches files": not any(
            word == "ADD" or "curl " in rest or "wget " in rest for word, rest in steps(text)
        ),
        "a secret": not SECRET.search(text),
    }
    return [name for name, good in checks.items() if not good]


def test_the_containerfile_keeps_the_rules() -> None:
    assert wrong((ROOT / "Containerfile").read_text()) == []


def test_the_image_that_drives_keeps_them_on_top_of_it() -> None:
    text, own = (ROOT / "loadtest/Containerfile").read_text(), f"ARG EDGE=localhost/edge:{version(PACKAGE)}\n"
    assert own in text
    assert (
        wrong(
            text.replace(own, "ARG BASE=docker.io/library/python:3.13-slim\n").replace("${EDGE}", "${BASE}")
        )
        == []
    )


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("python:3.13-slim-trixie", "python:latest", "the base is no slim Python of a version"),
        ("FROM ${BASE}\n", "FROM debian\n", "a stage has another base"),
        ("USER 65532:65532", "USER edge", "root, or a user by name"),
        ("USER 65532:65532", "USER 0:0", "root, or a user by name"),
        ('ENTRYPOINT ["edge"]', "ENTRYPOINT edge", "a shell starts it"),
        ("EXPOSE", "RUN true\nEXPOSE", "the last stage runs something"),
        ("--require-hashes", "", "a package without digest or from elsewhere"),
        ("--no-index", "", "a package without digest or from elsewhere"),
        ("EXPOSE", "ADD https://example.org/x /x\nEXPOSE", "fetches files"),
        ("PYTHONDONTWRITEBYTECODE=1", "ADMIN_TOKEN=hunter2", "a secret"),
    ],
)
def test_a_broken_rule_is_found(old: str, new: str, told: str) -> None:
    text = (ROOT / "Containerfile").read_text()
    assert old in text
    assert told in wrong(text.replace(old, new))


def lets_through(ignore: str, path: str) -> bool:
    """Whether a path gets into the build, by a .dockerignore: the last pattern that matches it or what holds it."""
    parts = path.split("/")
    above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    passed = True
    for line in ignore.splitlines():
        pattern = line.lstrip("!")
        anywhere = pattern.removeprefix("**/")
        names = [one.rpartition("/")[2] if pattern != anywhere else one for one in above]
        if line and not line.startswith("#") and any(fnmatch.fnmatchcase(name, anywhere) for name in names):
            passed = line.startswith("!")
    return passed


def test_only_sources_get_into_the_build() -> None:
    ignore = (ROOT / ".dockerignore").read_text()
    needed = [
        ".ci/image_sbom.py",
        ".ci/image_trim.py",
        "LICENSE",
        "edge/cli/main.py",
        "pyproject.toml",
        "loadtest/requirements.lock",
        "requirements-tracing.lock",
        "requirements.lock",
    ]
    assert not [path for path in needed if not ((ROOT / path).exists() and lets_through(ignore, path))]
    others = [
        ".env",
        ".git/config",
        ".venv/bin/python",
        "build/edge-image.tar",
        "cluster.key",
        "tests/needs.py",
    ]
    assert not [
        path for path in [*others, "edge/__pycache__/model.cpython-313.pyc"] if lets_through(ignore, path)
    ]


def test_there_is_one_list_for_all_builders() -> None:
    assert not (ROOT / ".containerignore").exists()  # podman and buildah would prefer it


def bill(output: Path) -> bytes:
    done = subprocess.run(
        [sys.executable, SBOM, output],
        env=os.environ | {"SOURCE_DATE_EPOCH": "1767225600"},
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return output.read_bytes()


def test_the_bill_of_this_environment(tmp_path: Path) -> None:
    made = bill(tmp_path / "one.json")
    assert bill(tmp_path / "two.json") == made
    document = json.loads(made)
    assert (document["bomFormat"], document["specVersion"]) == ("CycloneDX", "1.6")
    assert document["metadata"]["timestamp"] == "2026-01-01T00:00:00Z"
    assert (
        document["metadata"]["component"]["purl"]
        == f"pkg:pypi/edge-coordinator@{version('edge-coordinator')}"
    )
    refs = [one["bom-ref"] for one in document["components"]]
    assert refs == sorted(set(refs))
    assert {f"pkg:pypi/{name}@{version(name)}" for name in ("aiohttp", "kubernetes", "zstandard")} <= set(
        refs
    )
    assert document["dependencies"][0]["dependsOn"] == refs


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    """What the image's environment looks like before the trimming, in small."""
    files = (
        *("bin/edge", "bin/python3", "bin/activate", "lib/p/some/__init__.py", "lib/p/some/tests/test_it.py"),
        *("lib/p/some/fast.pyx", "lib/p/kubernetes/client/models/__init__.py", "lib/p/zstandard/_cffi.x.so"),
        *("lib/p/kubernetes/client/models/v1_pod.py", "lib/p/kubernetes/aio/client/models/v1_pod.py"),
    )
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("answer = 42\n")
    return tmp_path


def files_of(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def test_what_a_node_never_reads_is_removed(environment: Path) -> None:
    runpy.run_path(str(TRIM))["trim"](environment, environment / "lib/p")
    assert files_of(environment) == [
        "bin/edge",
        "bin/python3",
        "lib/p/kubernetes/aio/client/models/v1_pod.py",
        "lib/p/kubernetes/client/models/__init__.py",
        "lib/p/some/__init__.py",
    ]


def test_byte_code_holds_no_time_and_broken_source_fails(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "pycache_prefix", str(environment / "pycache"))
    compile_all = runpy.run_path(str(TRIM))["compile_all"]
    compile_all(environment / "lib/p")
    (compiled,) = environment.glob("pycache/**/some/__init__.*.pyc")
    assert int.from_bytes(compiled.read_bytes()[4:8], "little") == 1  # PEP 552: by hash, unchecked
    (environment / "lib/p/some/__init__.py").write_text("answer =\n")
    with pytest.raises(SystemExit, match="some does not compile"):
        compile_all(environment / "lib/p")


def test_every_file_has_one_time(environment: Path) -> None:
    (environment / "lib64").symlink_to("lib")
    runpy.run_path(str(TRIM))["stamp"](environment, 1_767_225_600)
    assert {path.lstat().st_mtime for path in [environment, *environment.rglob("*")]} == {1_767_225_600}
