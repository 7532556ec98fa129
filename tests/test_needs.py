import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TEST = """
from needs import needs

@needs("no-such-program", "python3")
def test_that_cannot_run():
    raise AssertionError

def test_that_can():
    pass
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    shutil.copy(HERE / "skips.py", tmp_path / "conftest.py")
    shutil.copy(HERE / "needs.py", tmp_path)
    (tmp_path / "pytest.ini").write_text("[pytest]\npythonpath = .\n")
    (tmp_path / "test_it.py").write_text(TEST)
    return tmp_path


def run(suite: Path, no_skip: str) -> tuple[int, str]:
    environment = os.environ | {"EDGE_TEST_NO_SKIP": no_skip}
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q"]
    done = subprocess.run(
        command, cwd=suite, env=environment, capture_output=True, text=True, timeout=50, check=False
    )
    return done.returncode, done.stdout


def test_a_missing_program_and_what_it_kept_from_running_are_named(suite: Path) -> None:
    code, out = run(suite, "")
    assert code == pytest.ExitCode.OK
    assert "no-such-program is missing; 1 not run:\n  test_it.py::test_that_cannot_run\n" in out


def test_where_no_skip_is_allowed_a_skip_fails_the_run(suite: Path) -> None:
    code, out = run(suite, "1")
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "a skipped test fails the run" in out
