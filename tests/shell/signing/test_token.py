"""Keys, and what of a token counts."""

import base64
import time
from pathlib import Path
from typing import Any

import jwt
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edge.model import ConfigError
from edge.shell.signing.keys import KEYS_MAX, new_key, public_part, read_keys
from edge.shell.signing.token import REASONS, TOKEN_MAX, TokenError, verified
from shell.signing.signer import HOST, Signer

ALGORITHMS = ("HS256", "ES256", "EdDSA")


def reason(signer: Signer, token: str, **more: Any) -> str:
    with pytest.raises(TokenError) as told:
        verified(token, signer.keys, signer.config(**more))
    return told.value.reason


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_token_counts_with_the_public_key_alone(tmp_path: Path, algorithm: str) -> None:
    signer = Signer(tmp_path, algorithm)
    found = verified(signer.token(exp=2_000_000_000, nbf=1000), signer.keys, signer.config(leeway_s=5))
    assert (found.begins, found.ends, found.exp) == (995, 2_000_000_005, 2_000_000_000)
    assert found.container.allows(f"{HOST}/live/main.m3u8")
    if algorithm != "HS256":
        assert signer.keys[0].sign is None


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"cdniuc": None}, "claim"),
        ({"cdniuc": "uri:x"}, "container"),
        ({"cdniuc": 7}, "claim"),
        ({"cdniv": 2}, "claim"),
        ({"cdnicrit": "cdniuc, colour"}, "claim"),
        ({"cdniip": "eyJ"}, "claim"),
        ({"jti": "once"}, "claim"),
        ({"exp": "soon"}, "claim"),
        ({"aud": "others"}, "audience"),
        ({"aud": ["others", "more"]}, "audience"),
    ],
)
def test_claims_that_restrict_and_are_not_met_are_refused(
    tmp_path: Path, claims: dict[str, Any], why: str
) -> None:
    signer = Signer(tmp_path)
    assert reason(signer, signer.token(**claims)) == why


def test_claims_that_are_met_count(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    config = signer.config(issuers=("shop",), audience="edge")
    token = signer.token(iss="shop", aud=["x", "edge"], cdnicrit="cdniuc,exp", colour="blue", sub="x", iat=1)
    assert verified(token, signer.keys, config)
    assert reason(signer, signer.token(iss="thief"), issuers=("shop",)) == "issuer"
    assert reason(signer, signer.token(), issuers=("shop",)) == "issuer"


def test_a_token_of_another_key_or_kind_of_key_is_refused(tmp_path: Path) -> None:
    signer, thief = Signer(tmp_path), Signer(tmp_path, name="thief.json")
    assert reason(signer, thief.token()) == "key"
    stolen = thief.key._replace(ident=signer.key.ident)
    thief.key = stolen
    assert reason(signer, thief.token()) == "signature"
    thief.key = stolen._replace(ident="")
    assert reason(signer, thief.token()) == "signature"


def test_the_public_key_is_no_secret_to_sign_with(tmp_path: Path) -> None:
    """The oldest attack: a token that says HS256, signed with what all know of the ES256 key."""
    signer = Signer(tmp_path, "ES256")
    known = base64.urlsafe_b64decode(signer.jwk["x"] + "==")
    forged = jwt.PyJWS().encode(b'{"cdniuc":"regex:.*"}', known, "HS256", {"kid": signer.key.ident})
    assert reason(signer, forged) == "key"


def forged(header: dict[str, Any]) -> str:
    parts = [
        base64.urlsafe_b64encode(msgspec.json.encode(one)).decode().rstrip("=")
        for one in (header, {"cdniuc": "regex:.*"})
    ]
    return ".".join((*parts, ""))


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "malformed"),
        ("a.b.c", "malformed"),
        ("a.b", "malformed"),
        ("." * 3000, "malformed"),
        ("x" * (TOKEN_MAX + 1), "malformed"),
        (forged({"alg": "none"}), "key"),
        (forged({"alg": "HS512"}), "key"),
        (forged({"alg": "HS256"}), "signature"),
        (forged({"alg": "HS256", "crit": ["x"], "x": 1}), "malformed"),
        (forged({"alg": 5}), "malformed"),
    ],
)  # fmt: skip
def test_what_is_no_token_is_refused(tmp_path: Path, token: str, why: str) -> None:
    assert reason(Signer(tmp_path), token) == why


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(st.data())
def test_a_token_that_was_changed_anywhere_does_not_count(tmp_path: Path, data: st.DataObject) -> None:
    signer = Signer(tmp_path)
    token = signer.token()
    at = data.draw(st.integers(0, len(token) - 2))  # the last character holds bits that do not count
    other = data.draw(st.sampled_from("Aq9_-."))
    changed = token[:at] + other + token[at + 1 :]
    if changed != token:
        assert reason(signer, changed) in REASONS


KEY = new_key("HS256")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "is no JSON"),
        (b"{}", "holds no list of 1 to"),
        (b'{"keys":[]}', "holds no list of 1 to"),
        (msgspec.json.encode({"keys": [KEY] * (KEYS_MAX + 1)}), "holds no list of 1 to"),
        (b'{"keys":[7]}', "key 1 is of no kind"),
        (b'{"keys":[{"kty":"RSA"}]}', "key 1 is of no kind"),
        (b'{"keys":[{"kty":"oct","k":"c2hvcnQ"}]}', "key 1 has less than 32 bytes"),
        (b'{"keys":[{"kty":"oct","k":7}]}', "key 1 has less than 32 bytes"),
        (b'{"keys":[{"kty":"EC","crv":"P-384"}]}', "key 1 is not of curve P-256"),
        (b'{"keys":[{"kty":"OKP","crv":"X25519"}]}', "key 1 is not of curve Ed25519"),
        (b'{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}', "key 1 cannot be used"),
        (msgspec.json.encode({"keys": [{**KEY, "alg": "HS512"}]}), "key 1 is of no kind"),
        (msgspec.json.encode({"keys": [{**KEY, "kid": 7}]}), "kid that is no text"),
        (msgspec.json.encode({"keys": [KEY, KEY]}), "two keys of one kid"),
    ],
)
def test_a_file_that_holds_no_keys_is_told_without_its_secrets(
    tmp_path: Path, text: bytes, words: str
) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(text)
    with pytest.raises(ConfigError) as told:
        read_keys(str(file))
    assert words in str(told.value)
    assert KEY["k"] not in str(told.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read_keys(str(tmp_path / "none"))


def test_a_symmetric_key_has_no_public_part() -> None:
    with pytest.raises(ConfigError, match="no public part"):
        public_part(KEY)
    assert "d" not in public_part(new_key("EdDSA"))


def test_tokens_are_made_with_the_kid_of_their_key(tmp_path: Path) -> None:
    signer = Signer(tmp_path)
    assert jwt.get_unverified_header(signer.token(exp=int(time.time())))["kid"] == signer.jwk["kid"]
