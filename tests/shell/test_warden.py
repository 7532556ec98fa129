"""Roles, limits and the audit of the admin port, over HTTP."""

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
import pytest

from edge.shell.adminroutes import RULES
from edge.shell.credentials import Role
from edge.shell.limits import Bucket
from shell.test_admin import Site

TOKENS = {
    Role.READ: "a-reader-s-long-token",
    Role.PURGE: "a-purger-s-long-token",
    Role.OPERATE: "an-operator-s-token",
}
HERE = {"Content-Type": "application/json"}


def bearer(role: Role) -> dict[str, str]:
    return HERE | {"Authorization": f"Bearer {TOKENS[role]}"}


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    lines = [f"{role.text} {role.text}er {token}\n" for role, token in TOKENS.items()]
    (tmp_path / "tokens").write_text("".join(lines))
    made = Site(tokens_file=str(tmp_path / "tokens"), writes_burst=1000)
    async with made.server, made.client:
        yield made


async def status_of(site: Site, method: str, path: str, headers: dict[str, str]) -> tuple[int, str]:
    url = site.server.make_url(path.replace("{name}", "final"))
    async with site.client.request(
        method, url, headers=headers, data=None if method == "GET" else b"{"
    ) as answer:
        text = "" if answer.content_type == "text/event-stream" else await answer.text()
        return answer.status, text


GUARDED = [(method, path, rule.role) for (method, path), rule in RULES.items() if rule.role]


@pytest.mark.parametrize(("method", "path", "wanted"), GUARDED)
async def test_each_route_wants_its_role(site: Site, method: str, path: str, wanted: Role) -> None:
    assert (await status_of(site, method, path, HERE))[0] == 401
    for role in Role:
        status, text = await status_of(site, method, path, bearer(role))
        if role >= wanted:
            assert status in (200, 400)
        else:
            assert (status, text) == (
                403,
                f"wants role {wanted.text}, and {role.text}er has role {role.text}\n",
            )


async def test_what_is_not_in_the_table_wants_the_greatest_role(site: Site) -> None:
    for method, path in (
        ("GET", "/v1/new"),
        ("PUT", "/v1/view"),
        ("GET", "/v1/view/x"),
        ("GET", "/%761/new"),
    ):
        assert (await status_of(site, method, path, HERE))[0] == 401
        assert (await status_of(site, method, path, bearer(Role.PURGE)))[0] == 403
        assert (await status_of(site, method, path, bearer(Role.OPERATE)))[0] in (404, 405)
    assert (await status_of(site, "GET", "/%761/view", HERE))[0] == 401
    assert (await status_of(site, "HEAD", "/v1/view", HERE))[0] == 401
    assert (await status_of(site, "GET", "/elsewhere", HERE))[0] == 404


async def test_what_is_open_stays_so(site: Site) -> None:
    for (method, path), rule in RULES.items():
        if rule.role is None and path not in ("/page", "/v1/sync"):
            assert (await status_of(site, method, path, {}))[0] == 200


async def test_an_order_is_written_down(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "edge.audit"):
        assert (await site.post("/v1/purge", {"url": "/a", "soft": True}, **bearer(Role.PURGE)))[0] == 202
        assert (await site.post("/v1/purge", {"url": 1}, **bearer(Role.PURGE)))[0] == 400
        assert (await site.post("/v1/events", {"key": "toss", "body": "secret"}, **bearer(Role.OPERATE)))[
            0
        ] == 202
        assert (await site.post("/v1/log", {"level": None}, **bearer(Role.PURGE)))[0] == 403
        assert (await site.post("/v1/purge", {"url": "/a"}))[0] == 401
    told = orjson.loads((await site.get("/v1/audit", **bearer(Role.OPERATE)))[1])
    assert told["count"] == 4
    assert told["origins"] == {"1": 2}
    orders = told["orders"]
    assert [(one["who"], one["status"]) for one in orders] == [
        ("purgeer", 202),
        ("purgeer", 400),
        ("operateer", 202),
        ("purgeer", 403),
    ]
    assert orders[0]["what"] == {"url": "/a", "soft": True}
    assert orders[0]["event"]["key"] == "url:/a"
    assert (orders[0]["address"], orders[0]["path"]) == ("127.0.0.1", "/v1/purge")
    assert orders[2]["what"] == {"key": "toss"}
    lines = [record.getMessage() for record in caplog.records if record.name == "edge.audit"]
    assert lines[0] == 'purgeer (purge, 127.0.0.1): POST /v1/purge {"url":"/a","soft":true}: 202'
    assert len(lines) == 4
    whole = str(told) + caplog.text
    assert "secret" not in whole
    assert not [token for token in TOKENS.values() if token in whole]


async def test_orders_of_one_caller_are_limited_and_those_of_others_pass(site: Site, tmp_path: Path) -> None:
    narrow = Site(tokens_file=str(tmp_path / "tokens"), writes_per_s=0.1, writes_burst=3)
    async with narrow.server, narrow.client:
        found = [await narrow.post("/v1/purge", {"url": "/a"}, **bearer(Role.PURGE)) for _ in range(5)]
        assert [status for status, _ in found] == [202, 202, 202, 429, 429]
        assert "purgeer is to wait" in found[-1][1]
        assert (await narrow.post("/v1/purge", {"url": "/a"}, **bearer(Role.OPERATE)))[0] == 202
        assert (await narrow.get("/v1/view", **bearer(Role.PURGE)))[0] == 200
        assert narrow.warden.counters.refused["rate"] == 2
        assert narrow.warden.audit.count == 4


async def test_who_needs_no_token_is_limited_by_address() -> None:
    narrow = Site(writes_per_s=0.1, writes_burst=2)
    async with narrow.server, narrow.client:
        assert [(await narrow.post("/v1/purge", {"url": "/a"}))[0] for _ in range(3)] == [202, 202, 429]


async def test_all_together_are_limited_too(tmp_path: Path) -> None:
    (tmp_path / "tokens").write_text("".join(f"purge n{n} {n:020}\n" for n in range(9)))
    narrow = Site(tokens_file=str(tmp_path / "tokens"), writes_per_s=0.1, writes_burst=1)
    async with narrow.server, narrow.client:
        found = [
            (await narrow.post("/v1/purge", {"url": "/a"}, Authorization=f"Bearer {n:020}"))[0]
            for n in range(9)
        ]
    assert found == [202] * 5 + [429] * 4


async def test_an_order_that_fails_by_a_bug_is_written_down(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(site.events, "minority", lambda: 1 / 0)
    assert (await site.post("/v1/purge", {"url": "/a", "majority": True}, **bearer(Role.PURGE)))[0] == 500
    [order] = site.warden.audit.entries()
    assert (order["who"], order["status"], order["event"]) == ("purgeer", 500, {})
    assert site.warden.counters.answers["5xx"] == 1


async def test_guesses_are_counted_and_seldom_logged(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    for number in range(50):
        assert (await site.get("/v1/view", Authorization=f"Bearer guess-{number}"))[0] == 401
    assert site.warden.counters.refused["token"] == 50
    assert site.warden.counters.answers["4xx"] == 50
    warnings = [one for one in caplog.records if one.name == "edge.shell.warden"]
    assert len(warnings) == 1
    assert "guess" not in caplog.text


def test_a_bucket_fills_again() -> None:
    bucket = Bucket(10, 2, 0.0)
    for _ in range(2):
        assert bucket.wait_s(0.0) == 0
        bucket.take()
    assert bucket.wait_s(0.0) == pytest.approx(0.1)
    assert bucket.wait_s(0.1) == 0
    assert bucket.wait_s(0.05) == 0  # a clock that steps back takes nothing away
