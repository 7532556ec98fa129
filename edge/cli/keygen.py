"""`edge keygen`: a key for the ring, or keys for signed URLs."""

import base64
import pathlib
import secrets

import click
import msgspec
import orjson

from edge.model import ConfigError
from edge.wire.keys import KEY_BYTES


@click.command()
@click.option(
    "--jwks",
    type=click.Choice(["HS256", "ES256", "EdDSA"]),
    help="Print a key for signed URLs instead, as a JWKS file.",
)
@click.option("--public", metavar="FILE", help="Print the public part of a JWKS file, which nodes need.")
@click.option("--identity", metavar="FILE", help="Write one node's own key for --identity-file instead.")
def keygen(jwks: str | None, public: str | None, identity: str | None) -> None:
    """Print a new cluster key: one line for a file that --gossip-keys-file names."""
    if identity:
        _own(identity, alone=not (jwks or public))
        return
    if jwks or public:
        click.echo(orjson.dumps({"keys": _signing(jwks, public)}, option=orjson.OPT_INDENT_2))
        return
    click.echo(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode())


def _own(path: str, *, alone: bool) -> None:
    from edge.shell.identity import make_key  # noqa: PLC0415  (it takes a while)
    from edge.wire.signatures import Signer, fingerprint  # noqa: PLC0415

    if not alone:
        raise ConfigError("--identity", "is given with --jwks or --public", "make one key at a time")
    key = Signer(make_key(path, "--identity"), "").key
    click.echo(f"{path}: key {fingerprint(key)}")


def _signing(algorithm: str | None, public: str | None) -> list[object]:
    from edge.shell.signing.keys import new_key, public_part, read_keys  # noqa: PLC0415  (it takes a while)

    if algorithm and public:
        raise ConfigError(
            "--public", "is given with --jwks", "make a key first, then ask for its public part"
        )
    if algorithm:
        return [new_key(algorithm)]
    read_keys(public or "", "--public")
    return [public_part(one) for one in msgspec.json.decode(pathlib.Path(public or "").read_bytes())["keys"]]
