"""Who may do what at the admin port: roles, and the tokens that carry them.

`admin.token_file` is one token of role operate, called `admin`. `admin.tokens_file` has a line for each further one:

    # role  name      token
    read    grafana   7mJx…
    purge   ci        9dQk…

Both are read again when they change, so that a token is taken away without a restart. In memory are digests only.
"""

import hashlib
import hmac
import re
import secrets
from enum import IntEnum
from typing import NamedTuple

from edge.config import AdminConfig
from edge.model import ConfigError
from edge.shell.files import read_text
from edge.shell.reread import Rereader

TOKEN_MIN = 16
TOKENS_MAX = 256
ADMIN = "admin"  # what the token of admin.token_file is called
_ONE, _MANY = "admin.token_file", "admin.tokens_file"
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._@-]{0,61}[A-Za-z0-9])?")
_FIELDS = 3  # of a line
_EXAMPLE = "write lines of role, name and token, e.g. purge ci 9dQkT2v…"


class Role(IntEnum):
    """What a caller may do; each may do what those before it may."""

    READ = 1  # look
    PURGE = 2  # purge objects
    OPERATE = 3  # everything

    @property
    def text(self) -> str:
        """As files and people write it."""
        return self.name.lower()

    @classmethod
    def named(cls, text: str) -> "Role | None":
        """The role of a name; None where there is none."""
        return next((one for one in cls if one.text == text), None)


class Caller(NamedTuple):
    """Who asks, and what he may do."""

    name: str  # of the token, or the subject of the certificate
    role: Role


class Tokens:
    """The tokens of one node.

    Args:
        config: names the files; without any, no token is wanted.
        files: looks after them.

    Raises:
        ConfigError: a file cannot be used.
    """

    def __init__(self, config: AdminConfig, files: Rereader) -> None:
        self._config = config
        self._salt = secrets.token_bytes(32)
        self._held: list[tuple[bytes, Caller]] = []
        self.wanted = bool(config.token_file or config.tokens_file)
        files.add((config.token_file, config.tokens_file), self._read)

    def find(self, token: bytes) -> Caller | None:
        """Whose token it is. Takes as long for one that is nearly right as for any other."""
        digest, found = self._digest(token), None
        for held, caller in self._held:
            if hmac.compare_digest(held, digest):
                found = caller
        return found

    def _read(self) -> None:
        given: list[tuple[str, Caller]] = []
        if self._config.token_file:
            given.append((read_token(self._config.token_file), Caller(ADMIN, Role.OPERATE)))
        if self._config.tokens_file:
            given += parse_tokens(read_text(self._config.tokens_file, _MANY), self._config.tokens_file)
        held = [(self._digest(token.encode()), caller) for token, caller in given]
        if len({digest for digest, _ in held}) < len(held):
            raise ConfigError(_MANY, "has one token twice", "give each caller a token of his own")
        self._held = held

    def _digest(self, token: bytes) -> bytes:
        return hashlib.blake2b(token, key=self._salt, digest_size=32).digest()


def read_token(path: str) -> str:
    """The token of a file that holds one.

    Raises:
        ConfigError: the file cannot be read, or the token is too short to be a secret.
    """
    token = read_text(path, _ONE).strip()
    if len(token) < TOKEN_MIN:
        raise ConfigError(_ONE, f"holds less than {TOKEN_MIN} characters", "put a long random word into it")
    return token


def parse_tokens(text: str, where: str) -> list[tuple[str, Caller]]:
    """The tokens of a file that holds several; what is wrong is told without the token.

    Args:
        text: what is in the file.
        where: its name.

    Raises:
        ConfigError: the line that is wrong, and what would be right.
    """
    found: dict[str, tuple[str, Caller]] = {ADMIN: ("", Caller(ADMIN, Role.OPERATE))}
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        problem = _wrong(fields) or ("has a name that is taken" if fields[1] in found else "")
        if problem:
            raise ConfigError(_MANY, f"{where}:{number}: {problem}", _EXAMPLE)
        role, name, token = fields
        found[name] = (token, Caller(name, Role.named(role) or Role.READ))
    del found[ADMIN]
    if not 1 <= len(found) <= TOKENS_MAX:
        raise ConfigError(_MANY, f"{where} holds {len(found)} tokens, not 1 to {TOKENS_MAX}", _EXAMPLE)
    return list(found.values())


def _wrong(fields: list[str]) -> str:
    """What is wrong with a line; empty where nothing is."""
    if len(fields) != _FIELDS:
        return f"has {len(fields)} words, not {_FIELDS}"
    role, name, token = fields
    if Role.named(role) is None:
        return "does not begin with a role: read, purge or operate"
    if not _NAME.fullmatch(name):
        return "has a name that is not of letters, digits and ._@-, or too long"
    if len(token) < TOKEN_MIN:
        return f"has a token of less than {TOKEN_MIN} characters"
    return ""
