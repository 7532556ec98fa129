r"""The URI container of a token, its claim `cdniuc` (RFC 9246 §2.1.15): which URIs it is good for.

    regex:https://video\.example\.com/live/.*     a POSIX extended regular expression for the whole URI
    hash:sha-256;DuAz…                            the digest of the one URI (RFC 6920 §5)

Expressions that could take long are refused when the token is read: Python's engine goes back and tries again, and the
URI is the viewer's. What there is to try is bounded: two repetitions that have several ways, some tens of milliseconds.
"""

import base64
import functools
import hashlib
import math
import re
from dataclasses import dataclass

URI_MAX = 2048  # where an expression is tried
PATTERN_MAX = 1024
_REGEX, _HASH = "regex:", "hash:sha-256;"
_BITS_MAX = 24
_UNBOUNDED_BITS = 11  # of a repetition without an end, over a URI of 2,048 characters
_INTERVAL = re.compile(r"\{(\d{1,3})(,(\d{0,3}))?\}")
_CLASS = re.compile(r"\[(\^?)(\]?[^\[\]\\]*)\]")
_SPECIAL = frozenset("()|*+?{}^$[]")
_PLAIN = re.compile(r"[^()|*+?{}^$\[\].\\]|\\[^A-Za-z0-9]")
_ESCAPED = re.compile(r"\\(.)")


class ContainerError(ValueError):
    """It cannot be used; says why."""


@dataclass(frozen=True, slots=True)
class Container:
    """Which URIs a token is good for."""

    prefix: str | None = None  # all that begin so, and nothing else; none: see below
    pattern: re.Pattern[str] | None = None
    digest: str = ""

    def allows(self, uri: str) -> bool:
        """Whether it is good for a URI, in its percent-encoded form."""
        if self.prefix is not None:
            return uri.startswith(self.prefix)
        if len(uri) > URI_MAX:
            return False
        if self.pattern:
            return self.pattern.fullmatch(uri) is not None
        return digest_of(uri) == self.digest

    def covers(self, folder: str) -> bool:
        """Whether it is good for whatever begins so; not known of expressions other than `prefix.*`."""
        return self.prefix is not None and folder.startswith(self.prefix)


def digest_of(uri: str) -> str:
    """SHA-256 in base64url without padding."""
    return (
        base64.urlsafe_b64encode(hashlib.sha256(uri.encode(errors="surrogateescape")).digest())
        .decode()
        .rstrip("=")
    )


@functools.lru_cache(maxsize=1024)
def container(text: str) -> Container:
    """Read a claim.

    Raises:
        ContainerError: it is of another kind, or an expression that is wrong or could take long.
    """
    if text.startswith(_HASH):
        return Container(digest=text.removeprefix(_HASH).rstrip("="))
    if not text.startswith(_REGEX):
        raise ContainerError("is neither regex: nor hash:sha-256;")
    given = text.removeprefix(_REGEX)
    if len(given) > PATTERN_MAX:
        raise ContainerError(f"has more than {PATTERN_MAX} characters")
    given = given.removeprefix("^")
    if given.endswith("$") and not given.endswith("\\$"):
        given = given[:-1]
    if given.endswith(".*") and (prefix := _plain_text(given[:-2])) is not None:
        return Container(prefix=prefix)
    reader = _Reader(given)
    reader.read()
    try:
        return Container(pattern=re.compile("".join(reader.made), re.ASCII))
    except re.error as error:
        raise ContainerError(f"is no expression: {error}") from None


def everything_below(folder: str) -> str:
    """The claim of a token that is good for whatever begins with `folder`."""
    return f"{_REGEX}{_escaped(folder)}.*"


def this_only(uri: str) -> str:
    """The claim of a token that is good for one URI."""
    return _HASH + digest_of(uri)


def _escaped(literal: str) -> str:
    return "".join(f"\\{one}" if one in _SPECIAL or one in ".\\" else one for one in literal)


def _plain_text(given: str) -> str | None:
    """What an expression stands for that is text and nothing else; None where it is more."""
    rest = _PLAIN.sub("", given)
    return None if rest else _ESCAPED.sub(r"\1", given)


class _Reader:
    """From a POSIX extended expression to Python's, with a count of what there is to try, in bits."""

    def __init__(self, given: str) -> None:
        self._given = given
        self._at = 0
        self._bits = 0.0
        self._depth = 0
        self._last = ""  # what a repetition would repeat: "", "one", "group"
        self._excluded = ""  # of the last one, where it is [^…]
        self.made: list[str] = []

    def read(self) -> None:
        """Read all of it.

        Raises:
            ContainerError: it is wrong, or could take long.
        """
        while self._at < len(self._given):
            self._one()
        if self._depth:
            raise ContainerError("has a group without an end")
        if self._bits > _BITS_MAX:
            raise ContainerError("could take long: it has too many repetitions and alternatives")

    def _one(self) -> None:
        one = self._given[self._at]
        if one == "\\":
            self._escape()
        elif one == "[":
            self._class()
        elif one in "()|":
            self._group(one)
        elif one in "*+?{":
            self._repeat(one)
        elif one in "^$]}":
            raise ContainerError(f"has {one} where it means nothing; write \\{one}")
        elif one == ".":
            self._add(".", "one")
        else:
            self._plain(one)

    def _plain(self, one: str, width: int = 1) -> None:
        self._add(re.escape(one), "one", width)

    def _escape(self) -> None:
        one = self._given[self._at + 1 : self._at + 2]
        if not one or one.isalnum():
            raise ContainerError(f"has \\{one}, which POSIX does not know")
        self._plain(one, 2)

    def _class(self) -> None:
        found = _CLASS.match(self._given, self._at)
        if not found or not found[2]:
            raise ContainerError("has a class in brackets that is not understood; write e.g. [a-z0-9_]")
        inside = re.sub(r"([&~|^])", r"\\\1", found[2].replace("]", "\\]")).replace("--", "-\\-")
        self._add(f"[{found[1]}{inside}]", "one", len(found[0]))
        self._excluded = found[2] if found[1] else ""

    def _group(self, one: str) -> None:
        self._depth += {"(": 1, ")": -1, "|": 0}[one]
        if self._depth < 0 or (one == "(" and self._given[self._at + 1 : self._at + 2] in ("?", "*", "+")):
            raise ContainerError("has a bracket that means nothing")
        self._bits += one == "|"
        self._add({"(": "(?:", ")": ")", "|": "|"}[one], "group" if one == ")" else "")

    def _repeat(self, one: str) -> None:
        if not self._last or (self._last == "group" and one != "?"):
            hint = "a group may be optional, not repeated" if self._last else "nothing stands before it"
            raise ContainerError(f"has {one} where {hint}")
        text, bits = one, 1.0
        if one == "{":
            found = _INTERVAL.match(self._given, self._at)
            if not found:
                raise ContainerError("has { that is no count; write \\{")
            least, most = int(found[1]), int(found[3]) if found[3] else None
            text, ends = found[0], found[2] is None or most is not None
            top = least if found[2] is None else most
            bits = math.log2(max(1, (top or 0) - least + 1)) if ends else _UNBOUNDED_BITS
        elif one in "*+":
            bits = _UNBOUNDED_BITS
        rest = self._given[self._at + len(text) :]
        to_end = not rest and self.made[-1] == "."
        stops = bool(rest) and rest[0] in self._excluded and rest[0] != "-" and rest[1:2] not in tuple("*?{")
        if not (to_end or stops):  # else there is nothing to try again
            self._bits += bits
        self._add(text, "", len(text))

    def _add(self, text: str, last: str, width: int = 1) -> None:
        self.made.append(text)
        self._at += width
        self._last, self._excluded = last, ""
