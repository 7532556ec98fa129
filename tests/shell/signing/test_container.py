"""Which URIs a token is good for."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.shell.signing.container import ContainerError, container, digest_of, everything_below, this_only

HOST = "https://video.example.com"
LITERAL = st.text("abz/.-_~%:&=+()[]{}|*^$?\\", max_size=30)


@given(LITERAL, LITERAL)
def test_what_lies_below_a_folder_is_what_begins_with_it(folder: str, rest: str) -> None:
    below = container(everything_below(folder))
    assert below.allows(folder + rest)
    assert below.covers(folder + rest)
    assert below.allows(rest) == rest.startswith(folder)


@given(LITERAL, LITERAL)
def test_a_digest_is_good_for_one_uri(uri: str, other: str) -> None:
    one = container(this_only(uri))
    assert one.allows(uri)
    assert one.allows(other) == (uri == other)
    assert not one.covers(uri)


def test_the_digest_is_that_of_the_standard() -> None:
    assert (
        this_only("http://cdni.example/foo/bar") == f"hash:sha-256;{digest_of('http://cdni.example/foo/bar')}"
    )
    assert digest_of("") == "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # FIPS 180-4's, in base64url


@pytest.mark.parametrize(
    ("text", "good", "bad"),
    [
        (r"regex:http://cdni\.example/foo/[0-9]{3}\.png", "http://cdni.example/foo/123.png", "http://cdni.example/foo/1234.png"),
        (r"regex:https?://[^/]*/live/.*", "http://a/live/b/c", "http://a/b/live/c"),
        (r"regex:^/v(240|480)/[a-z0-9_]+\.m4s$", "/v480/x_1.m4s", "/v720/x.m4s"),
        (r"regex:/a\?b", "/a?b", "/b"),
        (r"regex:/[]x]{1,2}", "/]x", "/]xx"),
        (r"regex:/a.*b", "/a--b", "/a--c"),
        (r"regex:/(a|b)?c", "/c", "/abc"),
        (r"regex:/x.*/y", "/x/y/y", "/x/y/z"),
        (r"regex:/[^&~|]{2}", "/ab", "/a&"),
    ],
)  # fmt: skip
def test_expressions_are_for_the_whole_uri(text: str, good: str, bad: str) -> None:
    assert container(text).allows(good)
    assert not container(text).allows(bad)
    assert not container(text).allows(good + "\n")


@pytest.mark.parametrize(
    "text",
    [
        "uri:http://a/",
        "/live/",
        "hash:md5;abc",
        "regex:(a+)+",
        "regex:(a|b)*",
        "regex:a**",
        "regex:a*?",
        "regex:*a",
        r"regex:\d+",
        r"regex:(a)\1",
        "regex:(?:a)",
        "regex:(?=a)",
        "regex:[[:alpha:]]",
        "regex:(a",
        "regex:a)",
        "regex:[z-a]",
        "regex:a{2",
        "regex:a^b",
        "regex:.*a.*b.*c.*d",
        "regex:" + "a?" * 30 + "b",
        "regex:" + "(a|a)" * 30 + "b",
        "regex:" + "a{0,9}" * 10 + "b",
        "regex:" + "a" * 2000,
    ],
)
def test_what_is_not_understood_or_could_take_long_is_refused(text: str) -> None:
    with pytest.raises(ContainerError):
        container(text)


@pytest.mark.parametrize(
    "text", ["regex:.*a.*bc", "regex:.*[a]*b", "regex:(.*)?a.*c", "regex:a*a*c", "regex:[^/]*/[^/]*/.*a.*d"]
)
def test_no_uri_takes_long(text: str) -> None:
    """By orders of magnitude: a pattern without this bound takes minutes."""
    found, begun = container(text), time.process_time()
    for uri in ("a" * 2048, "/" * 2048, "a/" * 1024, "ab" * 1024):
        found.allows(uri)
    assert time.process_time() - begun < 2


@given(st.text("ab/.*[]()|+?{}1,^$\\-", max_size=14), st.text("ab/.1-", max_size=8))
def test_what_is_taken_means_what_the_same_text_means_to_the_engine(text: str, uri: str) -> None:
    """The subset that is taken reads alike in POSIX and in Python, but for what stands in brackets."""
    try:
        found = container(f"regex:{text}")
    except ContainerError:
        return
    if "[" not in text:
        plain = text.removeprefix("^")
        plain = plain[:-1] if plain.endswith("$") and not plain.endswith("\\$") else plain
        assert found.allows(uri) == bool(re.fullmatch(plain, uri))
