"""What a user may get wrong, and the one line that says so."""

import base64
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TRACEBACK = "Traceback"


def edge(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "edge", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", **environ},
    )


def mistake(*arguments: str, **environ: str) -> str:
    """The message; it is the only one, on standard error, with the exit status of a usage error."""
    done = edge(*arguments, **environ)
    assert done.returncode == 2, done
    assert TRACEBACK not in done.stderr
    assert done.stdout == ""
    return done.stderr.strip()


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def test_a_port_in_use(taken: int) -> None:
    free = ("--gossip-bind=127.0.0.1:0", "--public-bind=127.0.0.1:0")
    told = mistake("run", f"--admin-bind=127.0.0.1:{taken}", *free)
    assert (
        told == f"edge: admin.bind: 127.0.0.1:{taken} is in use; choose another port; port 0 takes a free one"
    )
    told = mistake("origin", f"--bind=127.0.0.1:{taken}")
    assert told.startswith(f"edge: --bind: 127.0.0.1:{taken} cannot be had: ")


def test_a_flag_a_variable_and_a_file(tmp_path: Path) -> None:
    assert mistake("run", "--gossip-fanout=none").startswith("edge: --gossip-fanout: 'none' does not fit")
    assert mistake("run", EDGE_GOSSIP_FANOUT="99").startswith("edge: EDGE_GOSSIP_FANOUT: '99' does not fit")
    file = tmp_path / "edge.toml"
    assert mistake("run", "--config", str(file)).startswith(
        f"edge: --config: {file} cannot be read: No such file"
    )
    file.write_text("[gossip]\nfanuot = 3\n")
    assert mistake("run", "--config", str(file)) == (
        f"edge: {file}: gossip.fanuot: no such field; did you mean gossip.fanout?"
    )
    file.write_bytes(b"\xff\xfe")
    assert mistake("run", "--config", str(file)).endswith(
        "cannot be read: no UTF-8 text; name a readable TOML file"
    )


def test_a_keys_file_that_is_none(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    assert "gossip.keys_file" in mistake("run", "--gossip-bind=127.0.0.1:0", f"--gossip-keys-file={keys}")
    keys.write_text("hunter2\n")
    told = mistake("run", f"--gossip-keys-file={keys}")
    assert told.startswith(f"edge: {keys}: line 1 is no key; one base64 key of 32 bytes a line")
    assert "hunter2" not in told


def test_a_token_that_is_too_short(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    told = mistake("run", "--gossip-bind=127.0.0.1:0", f"--admin-token-file={token}")
    assert told == "edge: admin.token_file: holds less than 16 characters; put a long random word into it"


def test_media_that_is_none(tmp_path: Path) -> None:
    assert str(tmp_path) in mistake("origin", "--bind=127.0.0.1:0", f"--media={tmp_path}")
    (tmp_path / "tracks.json").write_text("{}")
    assert str(tmp_path) in mistake("origin", "--bind=127.0.0.1:0", f"--media={tmp_path}")


def test_a_node_that_is_not_there() -> None:
    told = mistake("members", "--admin=http://127.0.0.1:1")
    assert told.startswith("edge: --admin: http://127.0.0.1:1/v1/members gave no answer (")
    assert told.endswith("is a node running there? `make run` starts eight")
    assert "--admin" in mistake("view", "--admin=nonsense")
    assert "--token-file: /nowhere cannot be read" in mistake("view", "--token-file=/nowhere")


def test_an_unknown_command_and_flag() -> None:
    assert "No such command 'mebmers'" in edge("mebmers").stderr
    assert "No such option" in edge("run", "--gossip-fanuot=3").stderr


def test_a_new_key_each_time() -> None:
    first, second = edge("keygen").stdout, edge("keygen").stdout
    assert first != second
    assert len(base64.b64decode(first.strip(), validate=True)) == 32


def test_help_names_every_setting_with_its_variable() -> None:
    text = " ".join(edge("run", "--help").stdout.split())
    assert "--gossip-seeds VALUE Members to join through" in text
    assert "[EDGE_GOSSIP_SEEDS]" in text
    assert edge("--version").stdout.startswith("edge, version ")
