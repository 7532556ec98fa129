"""The cache as a browser meets it: over HTTP, behind aiohttp."""

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import ClientResponse, ClientSession, web
from aiohttp.test_utils import TestServer
from yarl import URL

from cache.pretend_origin import MEDIA_PLAYLIST, PLAYLIST, SEGMENT, Clock, PretendOrigin, edge_cache
from edge.cache.cache import EdgeCache
from edge.cache.web import cache_handler

BODY = bytes(range(256)) * 8192  # 2 MiB: beyond any buffer on the way


@dataclass
class Site:
    """A cache on a port, and a client."""

    cache: EdgeCache
    url: str
    client: ClientSession

    async def ask(
        self, path: str = SEGMENT, method: str = "GET", **fields: str
    ) -> tuple[ClientResponse, bytes]:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        url = URL(self.url + path, encoded=True)
        async with self.client.request(method, url, headers=headers, allow_redirects=False) as response:
            return response, await response.read()


@pytest.fixture
async def site(origin: PretendOrigin, clock: Clock) -> AsyncIterator[Site]:
    origin.serve(SEGMENT, BODY, {"ETag": '"a"', "Content-Type": "video/mp4", "Set-X": "no"})
    origin.serve(
        PLAYLIST, MEDIA_PLAYLIST, {"Cache-Control": "max-age=60, s-maxage=30", "CMSD-Static": "ot=m"}
    )
    async with edge_cache(origin, clock) as cache, ClientSession() as client:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", cache_handler(cache))
        async with TestServer(app, host="127.0.0.1") as server:
            yield Site(cache, str(server.make_url("")).rstrip("/"), client)


async def test_miss_then_hit(site: Site, clock: Clock) -> None:
    miss, body = await site.ask()
    assert (miss.status, body) == (200, BODY)
    assert miss.headers["Cache-Status"] == '"pune"; fwd=uri-miss; fwd-status=200; stored'
    clock.now += 4
    hit, body = await site.ask()
    assert (hit.status, body) == (200, BODY)
    assert hit.headers["Cache-Status"] == '"pune"; hit; ttl=3596'
    assert hit.headers["Age"] == "4"
    assert hit.headers["Content-Type"] == "video/mp4"
    assert hit.headers["Accept-Ranges"] == "bytes"
    assert hit.headers["Access-Control-Allow-Origin"] == "*"
    assert "Set-X" not in hit.headers


async def test_head_tells_the_length(site: Site) -> None:
    for _ in range(2):
        found, body = await site.ask(method="HEAD")
        assert (found.status, body, found.headers["Content-Length"]) == (200, b"", str(len(BODY)))
    assert site.cache.counters.served_bytes == 0


async def test_range_and_conditions(site: Site) -> None:
    part, body = await site.ask(Range="bytes=256-1835007")
    assert (part.status, body) == (206, BODY[256:1835008])
    assert part.headers["Content-Length"] == "1834752"
    assert part.headers["Content-Range"] == f"bytes 256-1835007/{len(BODY)}"
    same, body = await site.ask(If_None_Match='"a"')
    assert (same.status, body) == (304, b"")
    beyond, _ = await site.ask(Range="bytes=9999999-")
    assert beyond.status == 416


async def test_a_playlist_is_told_to_players_as_short_lived(site: Site) -> None:
    found, body = await site.ask(PLAYLIST + "?CMCD=sid%3D%22a%22")
    assert body == MEDIA_PLAYLIST
    assert found.headers["Cache-Control"] == "max-age=1, s-maxage=1"
    assert found.headers["CMSD-Static"] == "ot=m"
    again, _ = await site.ask(PLAYLIST + "?CMCD=sid%3D%22b%22")
    assert "hit" in again.headers["Cache-Status"]


async def test_preflight_allows_cmcd(site: Site) -> None:
    found, body = await site.ask(method="OPTIONS", Origin="https://player.example")
    assert (found.status, body) == (204, b"")
    allowed = found.headers["Access-Control-Allow-Headers"]
    for name in ("CMCD-Object", "CMCD-Request", "CMCD-Session", "CMCD-Status", "Range"):
        assert name in allowed
    exposed = (await site.ask())[0].headers["Access-Control-Expose-Headers"].split(", ")
    wanted = {"Age", "Cache-Status", "CMSD-Dynamic", "CMSD-Static", "Content-Range", "ETag"}
    assert wanted <= set(exposed)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", SEGMENT, 405),
        ("PURGE", SEGMENT, 405),
        ("GET", "/live/%2e%2e/secret", 400),
        ("GET", "/live//a.m4s", 400),
        ("GET", "/live/" + "a" * 2048, 414),
    ],
)
async def test_bad_requests_stay_here(
    site: Site, origin: PretendOrigin, method: str, path: str, status: int
) -> None:
    await site.ask()  # what is stored is no way around the check
    found, text = await site.ask(path, method)
    assert (found.status, text.count(b"\n")) == (status, 1)
    assert ("Allow" in found.headers) == (status == 405)
    assert origin.counts.total() == 1
    assert site.cache.counters.refused == 1


async def test_every_answer_is_counted_once(site: Site, clock: Clock) -> None:
    for path in (SEGMENT, SEGMENT, PLAYLIST, "/nothing", "/a//b", "/%6Cive/v240/7.m4s"):
        await site.ask(path)
    clock.now += 2
    await site.ask(PLAYLIST)
    counters = site.cache.counters
    assert (counters.requests, counters.hits, counters.misses, counters.refused) == (7, 2, 4, 1)
