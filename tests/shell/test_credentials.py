"""Tokens and their roles, as files have them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.config import AdminConfig
from edge.model import ConfigError
from edge.shell.credentials import Caller, Role, Tokens, parse_tokens
from edge.shell.reread import Rereader

READER, PURGER = "a-reader-s-long-token", "a-purger-s-long-token"
LINES = f"# who may what\nread grafana {READER}\n\n  purge  ci\t{PURGER}\n"


def held(path: Path, text: str = LINES) -> tuple[Tokens, Rereader]:
    path.write_text(text)
    files = Rereader()
    return Tokens(AdminConfig(tokens_file=str(path)), files), files


def test_a_token_is_found_with_its_name_and_role(tmp_path: Path) -> None:
    tokens, _ = held(tmp_path / "tokens")
    assert tokens.find(READER.encode()) == Caller("grafana", Role.READ)
    assert tokens.find(PURGER.encode()) == Caller("ci", Role.PURGE)
    for wrong in (b"", READER[:-1].encode(), READER.encode() + b" ", b"grafana"):
        assert tokens.find(wrong) is None
    assert READER not in str(vars(tokens))


def test_the_one_token_may_do_everything(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("the-operator-s-token\n")
    (tmp_path / "tokens").write_text(LINES)
    config = AdminConfig(token_file=str(tmp_path / "token"), tokens_file=str(tmp_path / "tokens"))
    tokens = Tokens(config, Rereader())
    assert tokens.find(b"the-operator-s-token") == Caller("admin", Role.OPERATE)
    assert tokens.find(READER.encode()) == Caller("grafana", Role.READ)


def test_a_token_is_taken_away_and_another_one_given(tmp_path: Path) -> None:
    tokens, files = held(tmp_path / "tokens")
    (tmp_path / "tokens").write_text(f"operate ci {PURGER}\n")
    files.look()
    assert tokens.find(READER.encode()) is None
    assert tokens.find(PURGER.encode()) == Caller("ci", Role.OPERATE)
    assert (files.reloads, files.failures) == (1, 0)


def test_a_secret_that_is_swapped_is_read_again(tmp_path: Path) -> None:
    """As the kubelet does it: files are links into a folder that a link names, and that link is replaced."""
    for number, text in enumerate((LINES, f"read other {PURGER}\n")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "tokens").write_text(text)
    (tmp_path / "..data").symlink_to("..0")
    (tmp_path / "tokens").symlink_to("..data/tokens")
    files = Rereader()
    tokens = Tokens(AdminConfig(tokens_file=str(tmp_path / "tokens")), files)
    (tmp_path / "..new").symlink_to("..1")
    (tmp_path / "..new").replace(tmp_path / "..data")
    files.look()
    assert tokens.find(PURGER.encode()) == Caller("other", Role.READ)
    assert tokens.find(READER.encode()) is None


@pytest.mark.parametrize("text", ["", "# none\n", "read grafana short\n", "junk"])
def test_a_file_that_cannot_be_used_changes_nothing(tmp_path: Path, text: str) -> None:
    tokens, files = held(tmp_path / "tokens")
    (tmp_path / "tokens").write_text(text)
    files.look()
    assert tokens.find(READER.encode()) == Caller("grafana", Role.READ)
    assert files.failures == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds 0 tokens, not 1 to 256"),
        (f"read {READER}", "f:1: has 2 words, not 3"),
        (f"\nwrite ci {READER}", "f:2: does not begin with a role: read, purge or operate"),
        (f"read c,i {READER}", "f:1: has a name that is not of letters"),
        ("read ci short", "f:1: has a token of less than 16 characters"),
        (f"read ci {READER}\nread ci {PURGER}", "f:2: has a name that is taken"),
        (f"read admin {READER}", "f:1: has a name that is taken"),
        ("".join(f"read n{n} {n:020}\n" for n in range(257)), "holds 257 tokens"),
    ],
)
def test_what_is_wrong_is_told_without_the_token(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words) as told:
        parse_tokens(text, "f")
    assert READER not in str(told.value)


@given(
    st.text()
    | st.lists(st.sampled_from(["read", "purge", "a", "b", READER, PURGER, "\n", " "])).map(" ".join)
)
def test_whatever_is_in_the_file_is_read_or_told(text: str) -> None:
    told, found = "", None
    try:
        found = parse_tokens(text, "f")
    except ConfigError as error:
        told = str(error)
    assert found or told
    assert READER not in told
    assert PURGER not in told
    assert all(len(token) >= 16 for token, _ in found or ())


def test_one_token_is_nobody_else_s(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has one token twice"):
        held(tmp_path / "tokens", f"read a {READER}\npurge b {READER}\n")
