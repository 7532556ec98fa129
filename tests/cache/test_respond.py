"""From a stored object to the answer: ranges, conditions, ages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cache.pretend_origin import SEGMENT, body_of, request
from edge.cache.objects import CachedObject, CacheResponse, Lifetime
from edge.cache.respond import Span, UnsatisfiableError, parse_range, respond

BODY = bytes(range(100))
MODIFIED = "Sat, 21 Nov 2026 07:00:00 GMT"
EARLIER = "Sat, 21 Nov 2026 06:59:59 GMT"


def stored(etag: str = '"a"', status: int = 200) -> CachedObject:
    headers = {"ETag": etag, "Last-Modified": MODIFIED, "Content-Type": "video/mp4"}
    return CachedObject(SEGMENT, status, headers, BODY, etag, MODIFIED, 1000.0, 2.0, Lifetime(60))


def answer(found: CachedObject | None = None, /, method: str = "GET", **fields: str) -> CacheResponse:
    return respond(request(method=method, **fields), found or stored(), '"n"; hit; ttl=1', 1005.9)


def test_the_whole_object() -> None:
    whole = answer()
    assert (whole.status, whole.body) == (200, BODY)
    assert whole.body is BODY  # no copy
    assert whole.headers["Age"] == "7"
    assert whole.headers["Cache-Status"] == '"n"; hit; ttl=1'


@pytest.mark.parametrize(
    ("field", "first", "last"),
    [
        ("bytes=0-9", 0, 9),
        ("bytes=90-", 90, 99),
        ("bytes=-10", 90, 99),
        ("bytes=-1000", 0, 99),
        ("bytes=95-1000", 95, 99),
        ("Bytes = 0-0", 0, 0),
    ],
)
def test_one_range(field: str, first: int, last: int) -> None:
    part = answer(Range=field)
    assert (part.status, body_of(part)) == (206, BODY[first : last + 1])
    assert part.headers["Content-Range"] == f"bytes {first}-{last}/100"
    assert isinstance(part.body, memoryview)


@pytest.mark.parametrize(
    "field", ["bytes=0-1,5-6", "bytes=9-1", "bytes=x-1", "items=0-1", "bytes=-", "", "0-1"]
)
def test_what_is_no_single_range_gets_the_whole(field: str) -> None:
    assert answer(Range=field).status == 200


@pytest.mark.parametrize("field", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_beyond_the_end(field: str) -> None:
    refused = answer(Range=field)
    assert (refused.status, refused.headers["Content-Range"]) == (416, "bytes */100")


def test_a_range_is_for_get_of_a_200_only() -> None:
    assert answer(method="HEAD", Range="bytes=0-1").status == 200
    assert answer(stored(status=404), Range="bytes=0-1").status == 404


@pytest.mark.parametrize(
    ("etag", "condition", "status"),
    [
        ('"a"', '"a"', 206),
        ('"a"', '"b"', 200),
        ('W/"a"', 'W/"a"', 200),
        ('"a"', MODIFIED, 206),
        ('"a"', EARLIER, 200),
        ("", "", 200),
    ],
)
def test_if_range(etag: str, condition: str, status: int) -> None:
    assert answer(stored(etag), Range="bytes=0-1", If_Range=condition).status == status


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"If_None_Match": '"a"'}, 304),
        ({"If_None_Match": 'W/"a"'}, 304),
        ({"If_None_Match": '"x", "a"'}, 304),
        ({"If_None_Match": "*"}, 304),
        ({"If_None_Match": '"x"'}, 200),
        ({"If_None_Match": '"x"', "If_Modified_Since": MODIFIED}, 200),
        ({"If_Modified_Since": MODIFIED}, 304),
        ({"If_Modified_Since": EARLIER}, 200),
        ({"If_Modified_Since": "yesterday"}, 200),
        ({"If_None_Match": '"a"', "Range": "bytes=0-1"}, 304),
    ],
)
def test_conditions(fields: dict[str, str], status: int) -> None:
    found = answer(**fields)
    assert found.status == status
    if status == 304:
        assert found.body == b""
        assert found.headers["ETag"] == '"a"'
        assert "Content-Type" not in found.headers


@given(st.integers(0, 200), st.integers(0, 300), st.integers(0, 300))
def test_every_span_lies_inside(size: int, first: int, last: int) -> None:
    for field in (f"bytes={first}-{last}", f"bytes={first}-", f"bytes=-{last}"):
        try:
            span = parse_range(field, size)
        except UnsatisfiableError:
            assert size == 0 or first >= size or last == 0
            continue
        if span is not None:
            assert 0 <= span.first <= span.last < size


@given(st.integers(1, 200), st.data())
def test_adjoining_ranges_make_the_whole(size: int, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, size))
    head = parse_range(f"bytes=0-{cut - 1}", size)
    assert head == Span(0, cut - 1)
    if cut < size:
        assert parse_range(f"bytes={cut}-", size) == parse_range(f"bytes=-{size - cut}", size)


@given(st.text(max_size=30))
def test_no_field_upsets_the_parser(field: str) -> None:
    try:
        span = parse_range(field, 100)
    except UnsatisfiableError:
        return
    assert span is None or 0 <= span.first <= span.last < 100
