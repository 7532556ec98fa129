"""One spelling for each object; nothing that climbs out of its tree."""

from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.pretend_origin import request
from edge.cache.keys import TARGET_MAX_BYTES, BadTargetError, cache_key, normal_path


@pytest.mark.parametrize(
    ("path", "query", "key"),
    [
        ("/live/a.m4s", "", "/live/a.m4s"),
        ("/live/a.m4s", "CMCD=bl%3D2100&x=1", "/live/a.m4s"),
        ("/p.m3u8", "_HLS_part=1&CMCD=a&_HLS_msn=5", "/p.m3u8?_HLS_msn=5&_HLS_part=1"),
        ("/p.m3u8", "_HLS_skip=YES&_HLS_pathway=b", "/p.m3u8?_HLS_skip=YES"),
        ("/p.m3u8", "_HLS_msn=5&_HLS_msn=6&_HLS_msn=", "/p.m3u8?_HLS_msn=5"),
        ("/%6Cive/%7Ea", "", "/live/~a"),
        ("/a%2fb%20c", "", "/a%2Fb%20c"),
        ("/live/", "", "/live/"),
        ("/", "", "/"),
        ("/a..b/.c", "", "/a..b/.c"),
    ],
)
def test_keys(path: str, query: str, key: str) -> None:
    assert cache_key(request(path, query)) == key


@pytest.mark.parametrize(
    "path",
    [
        *("", "live", "//", "/a//b", "/../x", "/a/..", "/./a", "/%2e%2e/x", "/%2E./x", "/a/%2e"),
        *("/a%2f%2e%2e%2fb", "/a%", "/a%2", "/a%zz", "/a%00", "/a%0d%0ab", "/a\\b", "/a%5cb", "/a b", "/é"),
        *("/a?b", "/a#b", "/a%2f%2fb"),
    ],
)
def test_what_names_no_object(path: str) -> None:
    with pytest.raises(BadTargetError) as caught:
        normal_path(path)
    assert caught.value.status == 400


@pytest.mark.parametrize("query", ["_HLS_msn=%20", "_HLS_part=\udcff", "_HLS_skip=a/../b"])
def test_a_malformed_directive(query: str) -> None:
    with pytest.raises(BadTargetError) as caught:
        cache_key(request("/p.m3u8", query))
    assert caught.value.status == 400


def test_targets_are_bounded() -> None:
    longest = "/" + "a" * (TARGET_MAX_BYTES - 1)
    assert cache_key(request(longest)) == longest
    for path, query in ((longest + "a", ""), (longest, "_HLS_msn=1")):
        with pytest.raises(BadTargetError) as caught:
            cache_key(request(path, query))
        assert caught.value.status == 414


@given(st.text(st.sampled_from("/.%2eEfFaZ~\\ é"), max_size=12))
def test_a_normal_path_is_its_own_normal_form_and_climbs_nowhere(tail: str) -> None:
    try:
        normal = normal_path("/" + tail)
    except BadTargetError:
        return
    assert normal_path(normal) == normal
    assert unquote(normal) == unquote("/" + tail)
    assert not {".", ".."} & set(unquote(normal).split("/"))
