"""`edge sign-url`: a signed URL (RFC 9246), for tests and for whoever has no signer of his own."""

import time
from typing import Any

import click
import orjson
from yarl import URL

from edge.cache.lifetime import Kind, kind_of
from edge.cli.monsoon import duration
from edge.config import PACKAGE
from edge.model import ConfigError
from edge.shell.signing.container import everything_below, this_only
from edge.shell.signing.keys import Key, read_keys
from edge.shell.signing.token import made

_KEY_FILE = "--key-file"


@click.command("sign-url")
@click.argument("url")
@click.option(
    _KEY_FILE, required=True, metavar="FILE", help="JWKS file with the key that signs (`edge keygen --jwks`)."
)
@click.option("--key-id", metavar="KID", help="Which of its keys (default: the first that can sign).")
@click.option(
    "--expires",
    "expires_s",
    callback=duration,
    default="1h",
    show_default=True,
    metavar="TIME",
    help="How long it is good.",
)
@click.option(
    "--scope",
    type=click.Choice(["auto", "folder", "exact"]),
    default="auto",
    show_default=True,
    help="Good for all that lies beside and below it, or for it alone; auto: folder for playlists.",
)
@click.option("--issuer", metavar="NAME", help="Who signs (iss).")
@click.option("--audience", metavar="NAME", help="Whom it is meant for (aud).")
@click.option("--output", type=click.Choice(["url", "json"]), default="url", show_default=True)
def sign_url(
    url: str,
    key_file: str,
    key_id: str | None,
    expires_s: int,
    scope: str,
    issuer: str | None,
    audience: str | None,
    output: str,
) -> None:
    """Print URL with a token that nodes take who know the key (docs/signing.md)."""
    if "://" not in url or not URL(url).raw_path.startswith("/"):
        raise ConfigError(
            "URL", f"{url!r} is not absolute", "write e.g. https://video.example.com/live/main.m3u8"
        )
    given = URL(url)
    bare = f"{given.origin()}{given.raw_path}"
    folder = scope == "folder" or (scope == "auto" and kind_of(given.raw_path) is Kind.PLAYLIST)
    claims: dict[str, Any] = {
        "exp": int(time.time()) + expires_s,
        "cdniv": 1,
        "cdniuc": everything_below(bare[: bare.rfind("/") + 1]) if folder else this_only(bare),
    }
    claims |= {name: value for name, value in (("iss", issuer), ("aud", audience)) if value}
    token = made(claims, _signer(key_file, key_id))
    query = f"{given.raw_query_string}&" if given.raw_query_string else ""
    signed = f"{bare}?{query}{PACKAGE}={token}"
    if output == "json":
        click.echo(
            orjson.dumps({"url": signed, "token": token, "claims": claims}, option=orjson.OPT_INDENT_2)
        )
    else:
        click.echo(signed)


def _signer(path: str, ident: str | None) -> Key:
    keys = read_keys(path, _KEY_FILE)
    found = [key for key in keys if key.sign is not None and ident in (None, key.ident)]
    if not found:
        which = f"no key called {ident} that signs" if ident else "public keys only"
        raise ConfigError(_KEY_FILE, f"{path} holds {which}", "name the signer's own file")
    return found[0]
