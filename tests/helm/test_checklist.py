"""docs/KUBERNETES-CHECKLIST.md names tests that there are, and says of the others that they are open."""

import re

import pytest

from helm.render import ROOT

PAGE = (ROOT / "docs/KUBERNETES-CHECKLIST.md").read_text("utf-8")
LINES = [
    (match[1] == "x", " ".join(match[2].split()))
    for match in re.finditer(r"^- \[([ x])\] (.*(?:\n  .*)*)", PAGE, re.MULTILINE)
]
TEST = re.compile(r"`(tests/[\w/.]+)::(\w+)`")


def exists(path: str, name: str) -> bool:
    """Whether a file has a test of this name."""
    file = ROOT / path
    return (
        file.exists()
        and re.search(rf"^(async )?def {name}\(", file.read_text("utf-8"), re.MULTILINE) is not None
    )


def test_there_are_lines() -> None:
    assert len(LINES) > 45
    assert len(LINES) == PAGE.count("\n- [")


@pytest.mark.parametrize("text", [text for done, text in LINES if done])
def test_a_ticked_line_names_tests_that_there_are(text: str) -> None:
    named = TEST.findall(text)
    assert named or "`make chart`" in text
    assert not [one for one in named if not exists(*one)]


def test_a_line_that_is_not_ticked_says_what_is_open() -> None:
    for text in (text for done, text in LINES if not done):
        assert "Open:" in text
        shown, _, missing = text.partition("Open:")
        assert not [one for one in TEST.findall(shown) if not exists(*one)]
        waited_for = [one for one in TEST.findall(missing) if one[0].startswith("tests/kube/")]
        assert not [one for one in waited_for if exists(*one)], f"it is there: tick {text}"
