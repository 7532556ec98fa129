"""Who is turned away for want of a token: over real sockets, on a whole node."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
import pytest

from asking import Answer, Viewer
from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, PretendOrigin
from edge.app import Node
from edge.config import PACKAGE
from edge.shell.signing import guard as guarding
from edge.shell.signing.container import this_only
from edge.shell.signing.guard import Guard
from edge.shell.signing.token import TokenError
from running import Running
from shell.signing.signer import HOST, Signer
from waiting import until

OPEN = "/free/a.m4s"


@pytest.fixture
async def origin() -> AsyncIterator[PretendOrigin]:
    made = PretendOrigin()
    await made.start()
    for path in (SEGMENT, OPEN):
        made.serve(path, b"media", {"Content-Type": "video/mp4", "Cache-Control": "max-age=300"})
    made.serve(PLAYLIST, MEDIA_PLAYLIST, {"Content-Type": "application/vnd.apple.mpegurl"})
    yield made
    await made.stop()


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


@pytest.fixture
async def node(running: Running, signer: Signer) -> Node:
    return await running.start(
        "pune",
        signing__keys_file=str(signer.file),
        signing__required_prefixes="/live/",
        signing__authority=HOST,
    )


@pytest.fixture
def viewer(node: Node, http: aiohttp.ClientSession) -> Viewer:
    return Viewer(http, node.member.public)


def word(answer: Answer) -> str:
    assert answer.status == 403
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return str(answer.body.decode().split(":")[1].strip())


async def test_what_needs_a_token_is_refused_without_one_and_all_else_is_not(
    viewer: Viewer, origin: PretendOrigin, node: Node
) -> None:
    assert word(await viewer.get(SEGMENT)) == "missing"
    assert (await viewer.get(SEGMENT, "OPTIONS")).status == 204
    assert (await viewer.get(OPEN)).status == 200
    assert not origin.counts[SEGMENT]
    assert node._face.signing
    assert node._face.signing.refused["missing"] == 1


async def test_a_token_counts_in_the_query_and_as_a_cookie(viewer: Viewer, signer: Signer) -> None:
    token = signer.token()
    assert (await viewer.get(f"{SEGMENT}?{PACKAGE}={token}")).body == b"media"
    assert (await viewer.get(f"{SEGMENT}?CMCD=br%3D1&{PACKAGE}={token}&a=b")).body == b"media"
    assert (await viewer.get(SEGMENT, Cookie=f"a=b; {PACKAGE}={token}")).body == b"media"
    assert word(await viewer.get(f"{SEGMENT}?x{PACKAGE}={token}")) == "missing"
    assert word(await viewer.get(SEGMENT, Cookie=f"x{PACKAGE}={token}")) == "missing"


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"exp": int(time.time()) - 60}, "expired"),
        ({"nbf": int(time.time()) + 86_400}, "early"),
        ({"cdniuc": this_only(f"{HOST}/live/other.m4s")}, "uri"),
        ({"cdniuc": "regex:https://elsewhere/.*"}, "uri"),
        ({"cdnicrit": "colour"}, "claim"),
        ({"aud": "others"}, "audience"),
    ],
)
async def test_a_token_that_does_not_count_is_refused_with_its_reason(
    viewer: Viewer, signer: Signer, claims: dict[str, Any], why: str
) -> None:
    for _ in range(2):  # the second time it is known
        assert word(await viewer.get(f"{SEGMENT}?{PACKAGE}={signer.token(**claims)}")) == why


@pytest.mark.parametrize(
    "path", ["/%6Cive/v240/7.m4s", "/l%69ve/%76240/7.m4s", "/live/v240/7.m4%73", "/v1/route/live/main.m3u8"]
)
async def test_no_spelling_of_a_path_gets_around_it(viewer: Viewer, path: str) -> None:
    assert word(await viewer.get(path)) == "missing"


@pytest.mark.parametrize(
    "path", ["//live/v240/7.m4s", "/free/../live/v240/7.m4s", "/free/%2e%2e/live/v240/7.m4s"]
)
async def test_paths_that_climb_are_no_way_in(viewer: Viewer, path: str, origin: PretendOrigin) -> None:
    assert (await viewer.get(path)).status in (400, 403)
    assert not origin.counts[SEGMENT]


async def test_a_digest_is_good_for_its_uri_whatever_the_player_adds(viewer: Viewer, signer: Signer) -> None:
    token = signer.token(cdniuc=this_only(f"{HOST}{SEGMENT}"))
    assert (await viewer.get(f"{SEGMENT}?CMCD=br%3D1&{PACKAGE}={token}")).status == 200
    token = signer.token(cdniuc=this_only(f"{HOST}{SEGMENT}?a=b"))
    assert (await viewer.get(f"{SEGMENT}?a=b&CMCD=br%3D1&{PACKAGE}={token}")).status == 200
    assert word(await viewer.get(f"{SEGMENT}?{PACKAGE}={token}")) == "uri"


async def test_a_playlist_hands_the_token_on_as_a_cookie_and_its_segments_are_served(
    viewer: Viewer, signer: Signer
) -> None:
    token = signer.token()
    answer = await viewer.get(f"{PLAYLIST}?{PACKAGE}={token}")
    assert answer.status == 200
    pair, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert pair == f"{PACKAGE}={token}"
    folder = PLAYLIST[: PLAYLIST.rfind("/") + 1]
    assert {f"Path={folder}", "HttpOnly", "Secure", "SameSite=None"} <= set(attributes)
    [age] = [one for one in attributes if one.startswith("Max-Age=")]
    assert 3590 <= int(age.removeprefix("Max-Age=")) <= 3600
    assert "Set-Cookie" not in (await viewer.get(PLAYLIST, Cookie=pair)).headers
    assert "Set-Cookie" not in (await viewer.get(f"{SEGMENT}?{pair}")).headers
    assert (await viewer.get(SEGMENT, Cookie=pair)).status == 200


async def test_a_token_is_verified_once_and_known_until_it_ends(
    viewer: Viewer, signer: Signer, node: Node
) -> None:
    token = signer.token()
    for _ in range(5):
        assert (await viewer.get(f"{SEGMENT}?{PACKAGE}={token}")).status == 200
    assert node._face.signing
    assert node._face.signing.verified == 1


async def test_no_token_is_in_logs_or_metrics(
    viewer: Viewer, signer: Signer, node: Node, http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "edge")
    tokens = [signer.token(), signer.token(exp=1), "rubbish.rubbish.rubbish"]
    for token in tokens:
        await viewer.get(f"{SEGMENT}?{PACKAGE}={token}")
        await viewer.get("/live/lacking.m4s", Cookie=f"{PACKAGE}={token}")
    async with http.get(f"{node.member.admin}/metrics") as answer:
        metrics = await answer.text()
    assert 'edge_signing_refused_total{reason="expired"} 2.0' in metrics
    for token in tokens:
        assert token not in metrics + caplog.text
        assert token.rpartition(".")[2] not in metrics


async def test_new_keys_count_and_old_ones_do_not_once_the_file_has_changed(
    viewer: Viewer, signer: Signer, node: Node, tmp_path: Path
) -> None:
    with patch.object(guarding, "LOOK_EVERY_S", 0.05):
        guard = node._face.signing
        assert guard
        old, newer = signer.token(), Signer(tmp_path, "EdDSA", "newer.json")
        assert (await viewer.get(f"{SEGMENT}?{PACKAGE}={old}")).status == 200
        signer.file.write_text("no keys")
        await asyncio.to_thread(guard.look)
        assert guard.failures == 1
        assert (await viewer.get(f"{SEGMENT}?{PACKAGE}={old}")).status == 200
        newer.file.replace(signer.file)
        await until(lambda: guard.reloads == 1)
        assert word(await viewer.get(f"{SEGMENT}?{PACKAGE}={old}")) == "key"
        assert (await viewer.get(f"{SEGMENT}?{PACKAGE}={newer.token()}")).status == 200


async def test_other_nodes_need_no_token(
    running: Running, signer: Signer, node: Node, http: aiohttp.ClientSession
) -> None:
    """Two nodes of a zone: the one that does not own the segment asks the other one for it."""
    other = await running.start(
        "nagpur",
        node__zone="pune",
        signing__keys_file=str(signer.file),
        signing__required_prefixes="/live/",
        signing__authority=HOST,
    )
    await until(lambda: all(len(one.gossip.view().alive) == 2 for one in (node, other)))
    for one in (node, other):
        answer = await Viewer(http, one.member.public).get(f"{SEGMENT}?{PACKAGE}={signer.token()}")
        assert answer.status == 200
    assert node.cache.counters.peer_requests + other.cache.counters.peer_requests == 1


def test_a_token_ends_at_its_time_though_it_is_known(signer: Signer) -> None:
    now = [1000.0]
    guard = Guard(signer.config(leeway_s=5), wall=lambda: now[0])
    token = signer.token(exp=2000, nbf=1000)
    for now[0], why in ((994.9, "early"), (995.0, ""), (2004.9, ""), (2005.0, "expired")):
        try:
            guard._judge(token, f"{HOST}/live/a.m4s", "")
            found = ""
        except TokenError as error:
            found = error.reason
        assert found == why


def test_tokens_that_are_known_are_bounded(signer: Signer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarding, "HELD_MAX", 16)
    monkeypatch.setattr(guarding, "BAD_MAX", 8)
    guard = Guard(signer.config())
    for number in range(100):
        guard._read(signer.token(exp=int(time.time()) + 60 + number))
        for bad in (f"a.b.{number}", 3000 * "a"):
            with pytest.raises(TokenError):
                guard._read(bad)
        assert len(guard._held) <= 16
        assert len(guard._bad) <= 8
        assert 3000 * "a" not in guard._bad
    good = signer.token(exp=int(time.time()) + 999)
    guard._judge(good, f"{HOST}/live/a.m4s", "")
    assert good in guard._held
