"""Asking a running node over its admin port."""

import asyncio
import os
import pathlib
import ssl
from typing import Any

import aiohttp
import click
import orjson

from edge.model import ConfigError

TIMEOUT_S = 5.0
_HINT = "name a node's admin port, and its --token-file if it has one; --cert and --key, if it wants them"
_META = "edge.admin."
_HINTS = {
    403: "use a token or a certificate of that role",
    429: "give orders more slowly",
    400: "mend the request",
    409: "or leave out --majority: every node that comes back hears of it",
    503: "try again later",
}


class NoAnswerError(ConfigError):
    """A node that did not answer; `reason` is what the system says."""

    def __init__(self, url: str, error: Exception) -> None:
        number = error.errno if isinstance(error, aiohttp.ClientOSError) else None
        self.reason = os.strerror(number) if number and number > 0 else str(error) or "timed out"
        hint = "is a node running there? `make run` starts eight"
        if isinstance(error, aiohttp.ClientConnectorCertificateError):
            self.reason = str(error.certificate_error)
            hint = "name its authority: --ca FILE, and a host that is in its certificate"
        problem = f"{url} gave no answer ({self.reason})"
        super().__init__("--admin", problem, hint)


def with_node(command: Any) -> Any:
    """Options of every command that asks a running node."""
    for option in (
        click.option("--output", type=click.Choice(["table", "json"]), default="table", show_default=True),
        *_tls_options(),
        click.option(
            "--token-file", envvar="EDGE_ADMIN_TOKEN_FILE", metavar="FILE", help="File with the admin token."
        ),
        click.option(
            "--admin", envvar="EDGE_ADMIN", default="http://127.0.0.1:7701", show_default=True, metavar="URL"
        ),
    ):
        command = option(command)
    return command


def _tls_options() -> list[Any]:
    """What commands need not know of: it is kept with the context of the command, and `session` takes it from there."""

    def keep(context: click.Context, option: click.Parameter, value: str | None) -> None:
        context.meta[f"{_META}{option.name}"] = value

    return [
        click.option(flag, envvar=variable, metavar="FILE", help=text, expose_value=False, callback=keep)
        for flag, variable, text in (
            ("--key", "EDGE_KEY", "Its key, PEM without a password."),
            ("--cert", "EDGE_CERT", "Client certificate, PEM, for a node that wants one."),
            ("--ca", "EDGE_CA", "Authorities, PEM, of the node's certificate. Default: the system's."),
        )
    ]


def with_majority(command: Any) -> Any:
    """The option of what a cut-off minority must not do."""
    text = "Refuse if the node is cut off from the larger part of the cluster."
    return click.option("--majority", is_flag=True, help=text)(command)


def ask(
    admin: str,
    path: str,
    token_file: str | None,
    body: dict[str, Any] | None = None,
    *,
    method: str = "",
) -> Any:
    """A node's JSON answer to `method`; without one to GET, or to POST where there is a body.

    Raises:
        ConfigError: no answer, or one that says what is wrong.
    """
    method = method or ("GET" if body is None else "POST")
    return asyncio.run(_request(method, admin.rstrip("/") + path, token_file, body))


def session(token_file: str | None, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
    """For several questions, each with this timeout. Made where a loop runs.

    Raises:
        ConfigError: a file cannot be read.
    """
    token = _token(token_file)
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connector = aiohttp.TCPConnector(ssl=_tls())
    return aiohttp.ClientSession(timeout=timeout, headers=headers, connector=connector)


def _tls() -> ssl.SSLContext | bool:
    """As the options of the command say.

    Raises:
        ConfigError: a file cannot be used.
    """
    context = click.get_current_context(silent=True)
    meta = context.meta if context else {}
    ca, cert, key = (meta.get(f"{_META}{name}") for name in ("ca", "cert", "key"))
    if not ca and not cert:
        return True
    try:
        made = ssl.create_default_context(cafile=ca)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError("--ca", f"{ca}: {error.strerror}", "name a file of certificates as PEM") from None
    if cert:
        try:
            made.load_cert_chain(cert, key)
        except (ssl.SSLError, OSError) as error:
            hint = "name a certificate and its key as PEM"
            raise ConfigError("--cert", f"{cert}, {key}: {error.strerror}", hint) from None
    return made


async def answer_to(
    http: aiohttp.ClientSession, url: str, method: str = "GET", body: dict[str, Any] | None = None
) -> Any:
    """The JSON answer to one question.

    Raises:
        NoAnswerError: none came.
        ConfigError: the answer says what is wrong.
    """
    try:
        async with http.request(method, url, json=body) as response:
            answer = await response.read()
            if response.status not in (200, 202):
                raise refusal(url, response.status, answer)
            return orjson.loads(answer)
    except (aiohttp.ClientError, TimeoutError, orjson.JSONDecodeError) as error:
        raise NoAnswerError(url, error) from None


def refusal(url: str, status: int, answer: bytes) -> ConfigError:
    """What is wrong, as a node says it."""
    problem = f"{url} answered {status}: {answer[:300].decode(errors='replace').strip()}"
    return ConfigError("--admin", problem, _HINTS.get(status, _HINT))


def _token(token_file: str | None) -> str:
    if not token_file:
        return ""
    try:
        return pathlib.Path(token_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            "--token-file", f"{token_file} cannot be read: {error.strerror}", "name a readable file"
        ) from None


async def _request(method: str, url: str, token_file: str | None, body: dict[str, Any] | None) -> Any:
    async with session(token_file, aiohttp.ClientTimeout(total=TIMEOUT_S)) as http:
        return await answer_to(http, url, method, body)
