"""`edge schedule` and `edge sign-url`, as a person types them."""

import asyncio
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import click
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.pretend_origin import SEGMENT
from edge.cli.numbers import in_short, streams, zone_shares
from edge.config import PACKAGE
from running import Running
from waiting import until

pytestmark = pytest.mark.timeout(90)
_CONTEXT, _OPTION = click.Context(click.Command("x")), click.Option(["--x"])


async def edge(*arguments: str) -> subprocess.CompletedProcess[str]:
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "edge", *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


async def said(*arguments: str) -> str:
    done = await edge(*arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("text", "count"),
    [("25M", 25_000_000), ("1.1m", 1_100_000), ("800K", 800_000), ("2500000", 2_500_000), ("2_500", 2500)],
)
def test_numbers_are_read_as_people_write_them(text: str, count: int) -> None:
    assert streams(_CONTEXT, _OPTION, text) == count


@pytest.mark.parametrize("text", ["", "M", "many", "-5", "1e6", "25 M", "1.M", "2٣", "99999999M"])
def test_what_is_no_number_is_told_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"write e\.g\. 25M"):
        streams(_CONTEXT, _OPTION, text)


@given(st.integers(1, 9999), st.sampled_from(["", "K", "M"]))
def test_what_is_told_in_short_is_read_again(number: int, letter: str) -> None:
    count = streams(_CONTEXT, _OPTION, f"{number / 10:.1f}{letter or 'K'}")
    assert count is not None
    assert streams(_CONTEXT, _OPTION, in_short(count)) == count


@pytest.mark.parametrize("text", ["mumbai", "mumbai=", "=0.3", "mumbai=2", "mumbai=0", "mumbai=x"])
def test_what_is_no_share_is_told_with_an_example(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"mumbai=0\.28 or mumbai=28%"):
        zone_shares(_CONTEXT, _OPTION, (text,))


def test_shares_are_read_as_parts_or_in_percent() -> None:
    assert zone_shares(_CONTEXT, _OPTION, ("mumbai=0.5", "delhi=25%")) == {"mumbai": 0.5, "delhi": 0.25}


async def test_an_event_is_added_listed_judged_and_removed(running: Running) -> None:
    nodes = [await running.start(name, node__capacity="100000") for name in ("mumbai", "delhi")]
    await until(lambda: all(len(one.gossip.view().alive) == 2 for one in nodes))
    await until(lambda: all(one.load for one in nodes[0].gossip.view().nodes))
    at = ("--admin", nodes[0].member.admin)
    told = await said(
        *("schedule", "add", "final", "--at", "+2h", "--expected-peak", "1M", "--growth-per-minute", "40K"),
        *("--path", "/live/main.m3u8", "--zone", "mumbai=75%", *at),
    )
    assert "final: begins at" in told
    assert "2 of 2 members have heard of it" in told
    assert "short by 1.0 M streams: add 12 nodes of 100,000" in told
    listed = await said("schedule", "list", *at)
    assert "/live/main.m3u8" in listed
    status = await said("schedule", "status", "--admin", nodes[1].member.admin)
    assert "2 nodes carry 180K streams safely, 90% of 200K" in status
    assert "needs 1.2M streams: peak 1M + buffer 200K (40K a minute for 5 minutes)" in status
    assert "mumbai: 75%, 900K of 90K safe: short by 810.0 K streams: add 9 nodes of 100,000" in status
    found: dict[str, Any] = orjson.loads(await said("schedule", "status", "--output", "json", *at))
    assert found["events"][0]["verdict"]["add_nodes"] == 12
    assert "final: withdrawn; 2 of 2" in await said("schedule", "remove", "final", *at)
    assert "nothing is scheduled" in await said("schedule", "status", *at)
    done = await edge("schedule", "remove", "final", *at)
    assert done.returncode == 2
    assert "no event is called 'final'" in done.stderr


@pytest.mark.parametrize("algorithm", ["HS256", "ES256"])
async def test_a_signed_url_is_served_and_the_same_without_its_token_is_not(
    running: Running, http: aiohttp.ClientSession, tmp_path: Path, algorithm: str
) -> None:
    own, keys = tmp_path / "own.json", tmp_path / "keys.json"
    own.write_text(await said("keygen", "--jwks", algorithm))
    keys.write_text(await said("keygen", "--public", str(own)) if algorithm == "ES256" else own.read_text())
    assert algorithm == "HS256" or '"d"' not in keys.read_text()
    node = await running.start("pune", signing__keys_file=str(keys), signing__required_prefixes="/live/")
    url = f"{node.member.public}{SEGMENT}"
    signed = (await said("sign-url", url, "--key-file", str(own), "--expires", "10m")).strip()
    assert signed.startswith(f"{url}?{PACKAGE}=")
    for asked, status in ((signed, 200), (url, 403), (signed.replace("7.m4s", "8.m4s"), 403)):
        async with http.get(asked) as answer:
            assert answer.status == status
    told = orjson.loads(await said("sign-url", f"{url}?a=b", "--key-file", str(own), "--output", "json"))
    assert told["url"].startswith(f"{url}?a=b&{PACKAGE}=")
    assert told["claims"]["cdniuc"].startswith("hash:sha-256;")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("sign-url", "/live/a.m4s", "--key-file", "{keys}"), "URL: '/live/a.m4s' is not absolute"),
        (("sign-url", "http://a/b", "--key-file", "none"), "--key-file: none cannot be read"),
        (("sign-url", "http://a/b", "--key-file", "{public}"), "holds public keys only"),
        (("sign-url", "http://a/b", "--key-file", "{keys}", "--key-id", "x"), "no key called x that signs"),
        (("keygen", "--public", "{keys}"), "a symmetric key has no public part"),
        (("run", "--signing-keys-file", "{keys}"), "signing.required_prefixes: is needed with signing.keys_file"),
        (("run", "--signing-required-prefixes", "/live/"), "signing.keys_file: is needed"),
        (("run", "--signing-keys-file", "{keys}", "--signing-required-prefixes", "live"), "'live' is no prefix"),
    ],
)  # fmt: skip
async def test_mistakes_with_signed_urls_are_told_in_a_line(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    own, keys, public = tmp_path / "own.json", tmp_path / "keys.json", tmp_path / "public.json"
    own.write_text(await said("keygen", "--jwks", "EdDSA"))
    keys.write_text(await said("keygen", "--jwks", "HS256"))
    public.write_text(await said("keygen", "--public", str(own)))
    done = await edge(*(one.format(keys=keys, public=public) for one in arguments))
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
