"""What `helm test` runs, run against real nodes; and the metrics that alerts name, asked of one."""

import asyncio
import os
import re
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import aiohttp
import pytest

from certificates import Authority
from edge.model import Member
from helm.alerts import alerts
from helm.render import CHART
from live_demo.cluster import Cluster, Node
from nginx.site import free_ports
from shell.signing.signer import HOST, Signer

TOKEN = secrets.token_urlsafe(24)
WITHIN_S = 20


@pytest.fixture
async def cluster(tmp_path: Path) -> AsyncIterator[Cluster]:
    (tmp_path / "token").write_text(f"{TOKEN}\n", "utf-8")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as http:
        made = Cluster(tmp_path, http)
        try:
            yield made
        finally:
            made.end()


async def start(cluster: Cluster, tmp_path: Path, *names: str) -> list[Node]:
    await cluster.grow(*names, admin_token_file=str(tmp_path / "token"))
    return [cluster.nodes[name] for name in names]


async def check(
    name: str, nodes: Sequence[Node | Member], tmp_path: Path, **variables: str
) -> tuple[int, str, str]:
    """Exit status, output and error output of one check."""
    env = {
        "CHECK_HEADLESS": ",".join(node.admin.rpartition("/")[2] for node in nodes),
        "CHECK_SERVICE": nodes[0].public,
        "CHECK_TOKEN_FILE": str(tmp_path / "token"),
        "CHECK_REPLICAS": str(len(nodes)),
        "CHECK_FOLLOW": "true",
        "CHECK_TIMEOUT_S": "10",
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",  # the standard library only, as in an image where edge is elsewhere
        "-S",
        str(CHART / "files/check.py"),
        name,
        env=os.environ | env | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, error = await asyncio.wait_for(process.communicate(), WITHIN_S)
    return process.returncode or 0, out.decode(), error.decode()


async def test_the_checks_pass_on_a_whole_cluster(cluster: Cluster, tmp_path: Path) -> None:
    await cluster.origin()
    nodes = await start(cluster, tmp_path, "a", "b")
    found = await asyncio.gather(
        check("members", nodes, tmp_path),
        check("route", nodes, tmp_path, CHECK_HAS_ORIGIN="true"),
        check("purge", nodes, tmp_path),
        check("route", nodes, tmp_path, CHECK_FOLLOW="false"),
    )
    assert [status for status, _, _ in found] == [0, 0, 0, 0], found
    assert found[0][1] == "each of 2 pods sees the same 2 alive: a, b\n"
    assert re.match(
        r"routed to [ab]; http://127\.0\.0\.1:\d+/live/main\.m3u8 answered 200 with \d+ bytes", found[1][1]
    )
    assert found[2][1] == "purge acknowledged by all 2: a, b\n"
    assert "not meant for this network" in found[3][1]


async def test_the_checks_fail_and_say_why(cluster: Cluster, tmp_path: Path) -> None:
    nodes = await start(cluster, tmp_path, "a", "b")
    short = {"CHECK_TIMEOUT_S": "0.1"}
    (tmp_path / "wrong").write_text("x" * 20, "utf-8")
    too_few, token, no_media, unknown = await asyncio.gather(
        check("members", nodes, tmp_path, CHECK_REPLICAS="3", **short),
        check("purge", nodes, tmp_path, CHECK_TOKEN_FILE=str(tmp_path / "wrong"), **short),
        check("route", nodes, tmp_path, CHECK_HAS_ORIGIN="true", **short),
        check("members", nodes, tmp_path, CHECK_HEADLESS="no-such-name.invalid:7701", **short),
    )
    assert too_few[0] == token[0] == no_media[0] == unknown[0] == 1
    assert "2 pods where 3 are wanted" in too_few[2]
    assert "401" in token[2]
    assert "answered 502" in no_media[2]
    assert "no-such-name.invalid does not resolve" in unknown[2]
    nodes[1].kill()
    status, _, error = await check("members", nodes, tmp_path, **short)
    assert status == 1
    assert nodes[1].admin in error


async def test_alerts_ask_for_metrics_that_there_are(cluster: Cluster, tmp_path: Path) -> None:
    """Of a node that has nginx, which need not be there, and a certificate; and of one with a disk and signed URLs."""
    cert, key = Authority(tmp_path).sign("a", "127.0.0.1")
    public, fill, status = free_ports(3)
    node = await cluster.node(
        "a",
        public_bind=f"127.0.0.1:{public}",
        public_tls_cert_file=str(cert),
        public_tls_key_file=str(key),
        cache_backend="nginx",
        nginx_folder=str(tmp_path / "shared"),
        nginx_bind=f"127.0.0.1:{fill}",
        nginx_status_bind=f"127.0.0.1:{status}",
    )
    other = await cluster.node(
        "b",
        cache_disk_path=str(tmp_path / "disk"),
        signing_keys_file=str(Signer(tmp_path).file),
        signing_required_prefixes="/live/",
        signing_authority=HOST,
    )
    exported = set[str]()
    for one in (node, other):
        async with cluster.http.get(f"{one.admin}/metrics") as answer:
            exported |= {*re.findall(r"^# TYPE (\S+)", await answer.text(), re.MULTILINE)}
    named = {name for one in alerts() for name in re.findall(r"\bedge_\w+(?=\{)", one["expr"])}
    asked = {name.removesuffix("_bucket") for name in named}
    assert len(asked) >= 30
    assert not asked - exported
