"""`edge keys`, as a person types it."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edge.cli.main import main
from edge.gossip import keys
from edge.wire.keys import KEY_BYTES, KeyRing, key_id
from running import Running
from waiting import until

OLD, NEW = (bytes([number]) * KEY_BYTES for number in (1, 2))
ID_OLD, ID_NEW = f"{key_id(OLD):02x}", f"{key_id(NEW):02x}"


async def edge(*arguments: str, text: str | None = None) -> Result:
    return await asyncio.to_thread(CliRunner().invoke, main, ["keys", *arguments], text)


async def test_a_rotation_as_the_page_has_it(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys, "GRACE_S", 0.1)
    nodes = []
    for name in ("pune", "delhi"):
        (tmp_path / name).write_text(KeyRing((OLD,)).text())
        nodes.append(await running.start(name, gossip__keys_file=str(tmp_path / name)))
    await until(lambda: all(len(one.gossip.view().alive) == 2 for one in nodes))
    at = f"--admin={nodes[0].member.admin}"
    done = await edge("use", ID_NEW, at)
    assert (done.exit_code, f"'{ID_NEW}' is held under no id here" in done.output) == (2, True)
    done = await edge("install", "-", at, text=KeyRing((NEW,)).text())
    assert "2 of 2 members have acted on it" in done.output
    done = await edge("use", ID_NEW, at)
    assert done.output.startswith(f"use {ID_NEW}: 2 of 2 members have acted on it"), done.output
    await until(lambda: all(one.gossip.keys.ring.keys[0] == NEW for one in nodes))
    await until(lambda: not nodes[0].gossip.keys.needing(key_id(OLD)))
    done = await edge("remove", ID_OLD, at)
    assert done.exit_code == 0, done.output
    await until(lambda: all(one.gossip.keys.ring.keys == (NEW,) for one in nodes))
    done = await edge("list", at)
    assert done.output.splitlines()[1].split()[0] == ID_NEW
    assert "2 of 2" in done.output
    assert KeyRing((NEW,)).text().strip() not in done.output


@pytest.mark.parametrize("text", ["", "hunter2\n", KeyRing((OLD, NEW)).text()])
async def test_a_file_that_holds_not_one_key_is_told_without_it(text: str) -> None:
    done = await edge("install", "-", text=text)
    assert done.exit_code == 2
    assert "does not hold one key; write into it what `edge keygen` prints" in done.output
    assert "hunter2" not in done.output
