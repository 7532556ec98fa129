"""Whom a node believes about where a viewer is."""

import asyncio
import contextlib
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from edge.config import RoutingConfig
from edge.decide.routing import Place
from edge.model import ConfigError
from edge.shell import locate
from edge.shell.locate import Locator, PlacesFile
from waiting import until

VIEWER, INGRESS, BEHIND_IT = "203.0.113.7", "10.0.0.9", "10.0.0.8"
TRUSTED = RoutingConfig(trusted_proxies=("10.0.0.0/8", "fd00::/8"))


def address(
    sender: str, *fields: tuple[str, str], config: RoutingConfig = TRUSTED, nginx: bool = False
) -> str:
    locator = Locator(config)
    locator.behind_nginx = nginx
    return locator.address(request_of(sender, *fields))


class Transport:
    """Says who sent a request."""

    def __init__(self, sender: str) -> None:
        self._sender = sender

    def get_extra_info(self, name: str, default: object = None) -> object:
        return (self._sender, 1234) if name == "peername" else default


def request_of(sender: str, *fields: tuple[str, str]) -> web.Request:
    return make_mocked_request("GET", "/x", headers=CIMultiDict(fields), transport=Transport(sender))


@pytest.mark.parametrize(
    ("sender", "fields", "found"),
    [
        (VIEWER, [], VIEWER),
        (VIEWER, [("X-Forwarded-For", "1.2.3.4")], VIEWER),
        (VIEWER, [("Forwarded", "for=1.2.3.4")], VIEWER),
        (INGRESS, [], INGRESS),
        (INGRESS, [("X-Forwarded-For", VIEWER)], VIEWER),
        (INGRESS, [("X-Forwarded-For", f"1.2.3.4, {VIEWER}, {BEHIND_IT}")], VIEWER),
        (INGRESS, [("X-Forwarded-For", "1.2.3.4"), ("X-Forwarded-For", VIEWER)], VIEWER),
        (INGRESS, [("X-Forwarded-For", f"{VIEWER}:5678")], VIEWER),
        (INGRESS, [("Forwarded", "for=1.2.3.4"), ("X-Forwarded-For", VIEWER)], VIEWER),
        (INGRESS, [("X-Forwarded-For", f"{INGRESS}, {BEHIND_IT}")], INGRESS),
        ("fd00::1", [("X-Forwarded-For", "2001:db8::7")], "2001:db8::7"),
    ],
)
def test_the_viewer_is_the_last_whom_no_trusted_proxy_is(
    sender: str, fields: list[tuple[str, str]], found: str
) -> None:
    assert address(sender, *fields) == found


@pytest.mark.parametrize(
    ("field", "found"),
    [
        (f"for={VIEWER};proto=https", VIEWER),
        (f'for=1.2.3.4, for="{VIEWER}:99"; by=10.0.0.1', VIEWER),
        (f"for={VIEWER}, for={BEHIND_IT}", VIEWER),
        ('For="[2001:db8::7]:4711"', "2001:db8::7"),
        ('for="[2001:db8::7]:_port"', "2001:db8::7"),
        ('for="1.2.3.4, for=5.6.7.8', "5.6.7.8"),
        ("for=unknown", "unknown"),
    ],
)
def test_proxies_may_write_forwarded_instead(field: str, found: str) -> None:
    config = RoutingConfig(trusted_proxies=("10.0.0.0/8",), address_header="Forwarded")
    assert address(INGRESS, ("Forwarded", field), ("X-Forwarded-For", "1.2.3.4"), config=config) == found


def test_who_trusts_nobody_believes_no_field() -> None:
    fields = [("X-Forwarded-For", VIEWER), ("Edge-Viewer", VIEWER)]
    assert address(INGRESS, *fields, config=RoutingConfig()) == INGRESS


def test_nginx_beside_the_node_says_who_asked_it() -> None:
    fields = [("Edge-Viewer", INGRESS), ("X-Forwarded-For", VIEWER)]
    assert address("127.0.0.1", *fields, nginx=True) == VIEWER
    assert address("127.0.0.1", *fields, config=RoutingConfig(), nginx=True) == INGRESS


def test_the_first_that_knows_a_zone_is_believed(tmp_path: Path) -> None:
    table = tmp_path / "places"
    table.write_text(f"{VIEWER} pune jio west\n10.0.0.0/8 inside - core\n")
    locator = Locator(
        RoutingConfig(
            trusted_proxies=(INGRESS,), zone_header="X-Zone", isp_header="X-Isp", places_file=str(table)
        )
    )
    through = ("X-Forwarded-For", VIEWER)
    assert locator.place(request_of(VIEWER)) == Place("pune", "west", "jio")
    assert locator.place(request_of(INGRESS, through)) == Place("pune", "west", "jio")
    assert locator.place(request_of(INGRESS, through, ("X-Zone", "delhi"))) == Place("delhi", "", "jio")
    assert locator.place(request_of(INGRESS, through, ("X-Isp", "airtel"))) == Place("pune", "west", "airtel")
    assert locator.place(request_of(VIEWER, ("X-Zone", "delhi"))) == Place("pune", "west", "jio")
    assert locator.place(request_of(VIEWER), Place("surat")) == Place("surat", "", "jio")
    assert locator.place(request_of(VIEWER), Place(region="north")) == Place("", "north", "jio")
    assert locator.place(request_of(INGRESS, through, ("X-Zone", 64 * "x"))) == Place("pune", "west", "jio")


def test_a_file_that_cannot_be_used_ends_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"places_file: .*absent cannot be read: No such file"):
        PlacesFile(str(tmp_path / "absent"))
    bad = tmp_path / "bad"
    bad.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="is no UTF-8 text"):
        PlacesFile(str(bad))
    bad.write_text("10.0.0.0/8 a\nten b\n")
    with pytest.raises(ConfigError, match="bad:2: 'ten' is no network"):
        PlacesFile(str(bad))


def test_a_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locate, "FILE_MAX_BYTES", 20)
    large = tmp_path / "large"
    large.write_text(30 * "#")
    with pytest.raises(ConfigError, match="has more than 20 B"):
        PlacesFile(str(large))


async def test_a_changed_file_is_read_again_and_a_bad_one_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(locate, "LOOK_EVERY_S", 0.01)
    path = tmp_path / "places"

    def write(text: str) -> None:
        (tmp_path / "new").write_text(text)
        (tmp_path / "new").replace(path)

    write("10.0.0.0/8 a\n")
    places = PlacesFile(str(path))
    looking = asyncio.create_task(places.run())
    write("10.0.0.0/8 b\n")
    await until(lambda: places.reloads == 1)
    assert places.table.find("10.1.1.1") == Place("b")
    write("10.0.0.0/8 c\nten d\n")
    await until(lambda: places.failures == 1)
    assert places.table.find("10.1.1.1") == Place("b")
    assert "places:2: 'ten' is no network" in caplog.text
    path.unlink()
    await until(lambda: places.failures == 2)
    write("10.0.0.0/8 c\n")
    await until(lambda: places.reloads == 2)
    assert places.table.find("10.1.1.1") == Place("c")
    looking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await looking
