"""Every alert has its page, every page its alert, and what a page says to type there is."""

import re
import shlex
from pathlib import Path

import click
import pytest

from edge.cli.main import main
from helm.alerts import alerts
from monitoring.catalogue import PAGE

FOLDER = Path(__file__).resolve().parents[2] / "docs/runbooks"
INDEX = FOLDER / "README.md"
PAGES = sorted(one for one in FOLDER.glob("*.md") if one != INDEX)
PARTS = ["What it means", "Is a viewer hurt", "How to see it", "What to do", "When it ends by itself"]
LINES_MAX = 40

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda one: one.stem)


def commands(text: str) -> list[str]:
    """Each `edge …` of a page: in a block after `$`, in a line as code, inside another command after `--`."""
    bare = re.sub(r"\s*\n\s*", " ", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    found = re.findall(r"^\$ (edge .*)$", text, re.MULTILINE) + re.findall(r"`(edge [a-z][^`]*)`", bare)
    return found + re.findall(r"-- (edge [^`\n]*)", text)


def known(line: str) -> str:
    """What is wrong with a command; empty where nothing is."""
    command: click.Command = main
    words = shlex.split(line)[1:]
    while isinstance(command, click.Group) and words:
        found = command.get_command(click.Context(command), words[0])
        if found is None:
            return f"there is no {words[0]}"
        command, words = found, words[1:]
    try:
        if "-" in "".join(word[:1] for word in words):  # a bare name is of the command, not of a call
            command.make_context(line, words)
    except click.UsageError as error:
        return error.format_message()
    return ""


def test_every_alert_has_its_page_and_every_page_its_alert() -> None:
    assert {one.stem for one in PAGES} == {one["alert"] for one in alerts()}


def test_the_index_lists_them_all_with_their_severity() -> None:
    rows = re.findall(r"^\| \[(\w+)\]\((\w+)\.md\) \| (\w+) \|", INDEX.read_text("utf-8"), re.MULTILINE)
    assert [(name, name, severity) for name, _, severity in rows] == rows
    assert {(name, severity) for name, _, severity in rows} == {
        (one["alert"], one["labels"]["severity"]) for one in alerts()
    }


@each_page
def test_a_page_is_short_and_says_what_is_wanted(page: Path) -> None:
    text = page.read_text("utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == PARTS
    assert len(text.splitlines()) <= LINES_MAX
    [rule] = [one for one in alerts() if one["alert"] == page.stem]
    assert f"A {rule['labels']['severity']} alert" in text


@pytest.mark.parametrize("page", [*PAGES, INDEX], ids=lambda one: one.stem)
def test_commands_links_and_metrics_of_a_page_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    assert not {line: wrong for line in commands(text) if (wrong := known(line))}
    assert all((FOLDER / link).is_file() for link in re.findall(r"\]\(([^)#]+)\)", text))
    metrics = PAGE.read_text("utf-8")
    for name in re.findall(r"\bedge_[a-z_]+[a-z]", text):
        assert f"`{name.removesuffix('_count')}" in metrics, name


def test_a_command_that_is_not_there_is_found() -> None:
    assert known("edge members --output json") == known("edge monsoon status") == ""
    assert known("edge memebrs") == "there is no memebrs"
    assert "No such option" in known("edge members --outptu json")
    assert commands("Do `edge a\nb`.\n```console\n$ edge c\n$ kubectl -- edge d\n```\n") == [
        "edge c",
        "edge a b",
        "edge d",
    ]
