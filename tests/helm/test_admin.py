"""The admin port as the chart makes it: tokens, TLS, client certificates, and what must still reach it."""

from pathlib import Path

import helm_python
import pytest

from certificates import Authority
from helm.render import render
from helm.test_check import check
from helm.test_nginx import config_of, mounts
from running import Running

TLS = {"secretName": "door", "peerName": "edge.example.com"}
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def test_tokens_with_roles_come_from_the_secret_of_the_token() -> None:
    made = render({"admin": {"existingSecret": "words", "tokensKey": "tokens"}})
    admin = config_of(made).admin
    assert (admin.token_file, admin.tokens_file) == ("/etc/edge/admin/token", "/etc/edge/admin/tokens")
    with pytest.raises(helm_python.HelmError, match=r"name it as admin.existingSecret"):
        render({"admin": {"tokensKey": "tokens"}})


def test_without_a_secret_there_is_no_tls() -> None:
    made = render()
    assert config_of(made).admin.scheme == "http"
    assert made.env["EDGE_ADMIN"].startswith("http://")
    assert "scheme" not in made.edge["readinessProbe"]["httpGet"]
    assert "admin-tls" not in {one["name"] for one in made.pod["volumes"]}


def test_all_that_asks_the_port_speaks_tls_then() -> None:
    made = render({"admin": {"tls": TLS | {"clientCaKey": "clients.crt"}}})
    admin = config_of(made).admin
    folder = mounts(made.edge)["admin-tls"][0]
    assert (admin.tls_cert_file, admin.tls_key_file) == (f"{folder}/tls.crt", f"{folder}/tls.key")
    assert (admin.tls_ca_file, admin.tls_client_ca_file) == (f"{folder}/ca.crt", f"{folder}/clients.crt")
    assert admin.tls_peer_name == "edge.example.com"
    assert admin.advertise == "https://10.1.2.3:7701"
    assert {made.edge[probe]["httpGet"]["scheme"] for probe in PROBES} == {"HTTPS"}
    assert made.env["EDGE_ADMIN"].startswith("https://")
    assert (made.env["EDGE_CA"], made.env["EDGE_CERT"]) == (f"{folder}/ca.crt", f"{folder}/tls.crt")
    assert "peerName is not set" not in made.notes
    assert "admin.tls.peerName is not set" in render({"admin": {"tls": {"secretName": "door"}}}).notes


async def test_helm_test_speaks_tls_and_shows_a_certificate(running: Running, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert, key = authority.sign("all", "127.0.0.1")
    settings = {"tls_cert_file": cert, "tls_key_file": key, "tls_ca_file": authority.ca_file}
    settings["tls_client_ca_file"] = authority.ca_file
    settings["token_file"] = tmp_path / "token"
    settings["token_file"].write_text("a long random word")
    given = {f"admin__{name}": str(path) for name, path in settings.items()}
    nodes = [(await running.start(name, **given)).member for name in ("a", "b")]
    variables = {"CHECK_ADMIN_SCHEME": "https", "CHECK_CERT_FILE": str(cert), "CHECK_KEY_FILE": str(key)}
    status, out, error = await check("members", nodes, tmp_path, **variables)
    assert status == 0, error
    assert "each of 2 pods sees the same 2 alive" in out
