"""Signed URLs with nginx in front: it serves who has a token, and asks the node once a while."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from asking import Answer, Viewer
from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, PretendOrigin
from edge.app import Node
from edge.config import PACKAGE
from edge.shell.signing.container import everything_below, this_only
from needs import needs
from nginx.site import Site
from running import Running
from shell.signing.signer import HOST, Signer

pytestmark = needs("nginx")

OPEN, OTHER, ELSEWHERE = "/free/a.m4s", "/live/v240/8.m4s", "/live/v480/7.m4s"
MEDIA = {"Content-Type": "video/mp4", "Cache-Control": "max-age=3600"}


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return Signer(tmp_path)


@pytest.fixture
async def site(
    origin: PretendOrigin, http: aiohttp.ClientSession, tmp_path: Path, signer: Signer
) -> AsyncIterator[Site]:
    for path in (OPEN, OTHER, ELSEWHERE, "/vod/x/1.m4s"):
        origin.serve(path, b"media", MEDIA)
    made = Site(
        tmp_path / "shared",
        origin.url,
        http,
        signing__keys_file=str(signer.file),
        signing__required_prefixes="/live/,/vod/",
        signing__authority=HOST,
        nginx__recorded="/vod/",
    )
    await made.start_nginx()
    yield made
    await made.stop_nginx()


@pytest.fixture
async def node(site: Site, running: Running) -> Node:
    return await site.start_node(running)


@pytest.fixture
def viewer(node: Node, site: Site, http: aiohttp.ClientSession) -> Viewer:
    return Viewer(http, site.url)


def word(answer: Answer) -> str:
    assert answer.status == 403
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return str(answer.body.decode().split(":")[1].strip())


def signed(path: str, token: str) -> str:
    return f"{path}?CMCD=br%3D1&{PACKAGE}={token}"


async def test_who_has_no_token_is_refused_also_what_nginx_has(
    viewer: Viewer, signer: Signer, node: Node
) -> None:
    assert word(await viewer.get(SEGMENT)) == "missing"
    for _ in range(2):
        assert (await viewer.get(signed(SEGMENT, signer.token()))).body == b"media"
    assert word(await viewer.get(SEGMENT)) == "missing"
    assert word(await viewer.get(signed(SEGMENT, "a.b.c"))) == "malformed"
    assert word(await viewer.get(signed(SEGMENT, signer.token(exp=int(time.time()) - 60)))) == "expired"
    assert (await viewer.get(OPEN)).status == 200
    assert (await viewer.get(SEGMENT, "OPTIONS")).status == 204


async def test_hits_with_one_token_ask_the_node_once(viewer: Viewer, signer: Signer, node: Node) -> None:
    token, guard = signer.token(), node._face.signing
    assert guard
    asked: list[str] = []
    original = guard.authorize

    def counted(request: Any) -> Any:
        asked.append(request.headers["Edge-Uri"])
        return original(request)

    guard.authorize = counted  # type: ignore[method-assign]
    for _ in range(10):
        answer = await viewer.get(signed(SEGMENT, token))
        assert answer.status == 200
    assert (await viewer.get(signed(SEGMENT, token))).cache.startswith("hit")
    assert (await viewer.get(OTHER, Cookie=f"{PACKAGE}={token}")).status == 200
    assert len(asked) == 1
    assert (await viewer.get(signed(ELSEWHERE, token))).status == 200  # of another folder
    assert len(asked) == 2


async def test_a_token_for_one_object_opens_no_other_of_its_folder(viewer: Viewer, signer: Signer) -> None:
    token = signer.token(cdniuc=this_only(f"{HOST}{SEGMENT}"))
    for _ in range(2):
        assert (await viewer.get(signed(SEGMENT, token))).status == 200
        assert word(await viewer.get(signed(OTHER, token))) == "uri"
    part = signer.token(cdniuc=everything_below(f"{HOST}{SEGMENT[:-4]}"))
    assert (await viewer.get(signed(SEGMENT, part))).status == 200
    assert word(await viewer.get(signed(OTHER, part))) == "uri"


async def test_an_answer_that_is_kept_ends_with_its_token(viewer: Viewer, signer: Signer) -> None:
    ends = int(time.time()) + 1
    token = signer.token(exp=ends)  # and five seconds of leeway
    while (left_s := ends + 5 - time.time()) > 0.2:
        assert (await viewer.get(signed(SEGMENT, token))).status == 200, left_s
    await asyncio.sleep(0.3)
    assert word(await viewer.get(signed(SEGMENT, token))) == "expired"


async def test_a_playlist_hands_the_token_on_as_a_cookie_and_nobody_elses(
    viewer: Viewer, signer: Signer
) -> None:
    mine, yours, given = signer.token(), signer.token(nbf=1), ""
    for token in (mine, yours, mine):
        answer = await viewer.get(signed(PLAYLIST, token))
        assert answer.status == 200
        [given] = answer.headers.getall("Set-Cookie")
        assert given.startswith(f"{PACKAGE}={token}; Path=/live/v240/; Max-Age=")
        assert given.endswith("HttpOnly; Secure; SameSite=None")
    pair = given.partition(";")[0]
    segment = await viewer.get(SEGMENT, Cookie=pair)
    assert segment.status == 200
    assert "Set-Cookie" not in segment.headers
    assert "Set-Cookie" not in (await viewer.get(PLAYLIST, Cookie=pair)).headers


@pytest.mark.parametrize(
    "path",
    ["/%6Cive/v240/7.m4s", "/free/../live/v240/7.m4s", "//live/v240/7.m4s", "/free/..%2flive/v240/7.m4s"],
)
async def test_no_spelling_of_a_path_gets_around_it(viewer: Viewer, signer: Signer, path: str) -> None:
    assert (await viewer.get(signed(SEGMENT, signer.token()))).status == 200  # nginx has it
    answer = await viewer.get(path)
    assert answer.status in (400, 403)


async def test_neither_the_question_nor_its_fields_are_the_viewers(viewer: Viewer, signer: Signer) -> None:
    assert (await viewer.get("/v1/authorize", Edge_Uri=SEGMENT, Edge_Token=signer.token())).status == 404
    assert (await viewer.get("/-/authorize")).status == 404
    forged = {"Edge_Token": signer.token(), "Edge_Uri": OPEN, "Edge_Asked": "||"}
    assert word(await viewer.get(SEGMENT, **forged)) == "missing"
    assert word(await viewer.get(f"/v1/route{PLAYLIST}", **forged)) == "missing"
    assert word(await viewer.get(SEGMENT, User_Agent="edge-")) == "missing"


async def test_the_node_warms_nginx_without_a_token(
    viewer: Viewer, signer: Signer, node: Node, origin: PretendOrigin
) -> None:
    before = node.backend.figures().totals
    await node.backend.warm(OTHER)
    after = node.backend.figures().totals
    assert sum(after.values()) >= sum(before.values())
    assert (await viewer.get(signed(OTHER, signer.token()))).cache.startswith("hit")


async def test_no_token_stands_in_a_file(viewer: Viewer, signer: Signer, site: Site) -> None:
    token = signer.token()
    for path in (SEGMENT, PLAYLIST, OTHER):
        assert (await viewer.get(signed(path, token))).status == 200
        assert (await viewer.get(path, Cookie=f"{PACKAGE}={token}")).status == 200
    files = [one for one in site.folder.rglob("*") if one.is_file()]
    assert any("agreed" in one.parts for one in files)
    claims = token.split(".")[1].encode()
    assert not [one for one in files if claims in one.read_bytes()]


async def test_recorded_paths_want_a_token_too(viewer: Viewer, signer: Signer) -> None:
    assert word(await viewer.get("/vod/x/1.m4s")) == "missing"
    token = signer.token(cdniuc=everything_below(f"{HOST}/vod/"))
    assert (await viewer.get(signed("/vod/x/1.m4s", token))).status == 200


async def test_a_live_playlist_is_served_as_ever(viewer: Viewer, signer: Signer) -> None:
    answer = await viewer.get(signed(PLAYLIST, signer.token()))
    assert answer.body == MEDIA_PLAYLIST


async def test_while_the_node_is_away_who_was_let_in_goes_on_and_nobody_else(
    viewer: Viewer, signer: Signer, running: Running
) -> None:
    token = signer.token()
    assert (await viewer.get(signed(SEGMENT, token))).status == 200
    await running.stop("pune")
    assert (await viewer.get(signed(SEGMENT, token))).body == b"media"
    answer = await viewer.get(signed(SEGMENT, signer.token(nbf=1)))
    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
    assert (await viewer.get(SEGMENT)).status == 503
