"""Every input that was kept, and every law, without a fuzzer: a finding of the past stays mended."""

import base64

import pytest

from fuzz import corpus
from fuzz.targets import TARGETS

KEPT_BYTES = 400_000  # of all corpora together


@pytest.mark.parametrize("name", TARGETS)
def test_what_was_kept_breaks_no_law(name: str) -> None:
    target = TARGETS[name]
    for one in [*target.seeds(), *corpus.kept(name)]:
        try:
            target.run(one)
        except Exception as error:
            error.add_note(f"make fuzz ARGS='{name} --replay {base64.b64encode(one).decode()}'")
            raise


def test_the_corpus_is_small_and_of_targets() -> None:
    files = [path for path in corpus.FOLDER.rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= KEPT_BYTES
    assert {path.parent.name for path in files} <= set(TARGETS)
