import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.cache.keys import BadTargetError, normal_path
from edge.nginx.names import Folder, directives_of, file_name, is_plain, nginx_key, own_key


def test_the_key_is_the_decoded_path_and_the_directives() -> None:
    assert nginx_key("/live/v240/7.m4s") == b"/live/v240/7.m4s|||"
    assert nginx_key("/caf%C3%A9/1.m3u8?_HLS_msn=7&_HLS_part=2") == "/café/1.m3u8|7|2|".encode()
    assert directives_of("/1.m3u8?_HLS_skip=YES") == "||YES"


def test_a_file_lies_where_nginx_looks_for_it() -> None:
    name = file_name("/live/v240/7.m4s")
    assert name == hashlib.md5(b"/live/v240/7.m4s|||").hexdigest()
    path = Folder(Path("/shared")).file("b7f54b2df7773722d382f4809d65029c")
    assert path == Path(
        "/shared/cache/c/29/b7f54b2df7773722d382f4809d65029c"
    )  # as nginx's documentation has it


@pytest.mark.parametrize(
    "given", [b"", b"/x", b"/x|1|2", b"x|||", b"/a//b|||", b"/../x|||", b"/x|a b||", b"/\nx|||"]
)
def test_what_is_no_key_of_the_node_is_none(given: bytes) -> None:
    assert own_key(given) == ""


@given(
    st.text(st.characters(blacklist_categories=["Cs"]), max_size=30),
    st.sampled_from(["", "?_HLS_msn=7", "?_HLS_msn=7&_HLS_part=0", "?_HLS_skip=v2"]),
)
def test_keys_there_and_back(text: str, query: str) -> None:
    try:
        path = normal_path("/" + text)
    except BadTargetError:
        return
    if is_plain(path):
        assert own_key(nginx_key(path + query)) == path + query


@given(st.text("ab/%2Ff5:;|é", max_size=12), st.text("ab/%2Ff5:;|é", max_size=12))
def test_two_plain_paths_are_two_keys(one: str, other: str) -> None:
    found = []
    for text in (one, other):
        try:
            found.append(normal_path("/" + text))
        except BadTargetError:
            return
    if found[0] != found[1] and all(is_plain(path) for path in found):
        assert file_name(found[0]) != file_name(found[1])


@pytest.mark.parametrize(
    ("path", "plain"),
    [("/a/b", True), ("/a%2Fb", False), ("/a%3Ab", False), ("/a:b", True), ("/a%20b", True)],
)
def test_a_path_is_plain_if_nginx_cannot_take_another_for_it(path: str, plain: bool) -> None:
    assert is_plain(path) == plain
