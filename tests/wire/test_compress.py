import contextlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from edge.wire.compress import INFLATED_MAX_BYTES, Compressor
from edge.wire.errors import DecodeError

MAGICLESS = zstandard.FORMAT_ZSTD1_MAGICLESS


def block(payload: bytes, **parameters: int) -> bytes:
    """What an honest zstd without our bounds would send."""
    made = zstandard.ZstdCompressionParameters.from_level(19, format=MAGICLESS, **parameters)
    return zstandard.ZstdCompressor(compression_params=made).compress(payload)


@given(st.binary(max_size=2000))
def test_what_was_compressed_comes_back(payload: bytes) -> None:
    compressor = Compressor()
    made = compressor.compress(payload)
    if made is not None:
        assert len(made) < len(payload)
        assert compressor.decompress(made) == payload


def test_what_does_not_shrink_is_left_alone() -> None:
    assert Compressor().compress(bytes(range(256))) is None
    assert Compressor().compress(b"") is None


@given(st.binary(max_size=200))
def test_junk_is_an_error_and_nothing_else(junk: bytes) -> None:
    with contextlib.suppress(DecodeError):
        assert len(Compressor().decompress(junk)) <= INFLATED_MAX_BYTES


@pytest.mark.parametrize("size_known", [0, 1])
def test_a_bomb_is_refused_whether_or_not_it_declares_its_size(size_known: int) -> None:
    bomb = block(bytes(50 * 1024 * 1024), write_content_size=size_known)
    assert len(bomb) < 5000
    with pytest.raises(DecodeError, match="inflate"):
        Compressor(b"").decompress(bomb)


def test_exactly_the_bound_passes() -> None:
    assert Compressor(b"").decompress(block(bytes(INFLATED_MAX_BYTES))) == bytes(INFLATED_MAX_BYTES)
    with pytest.raises(DecodeError):
        Compressor(b"").decompress(block(bytes(INFLATED_MAX_BYTES + 1)))


def test_a_dictionary_has_a_number_that_is_not_the_one_of_stored_payloads() -> None:
    numbers = {Compressor(bytes([n]) * 64).dictionary_id for n in range(200)}
    assert 0 not in numbers
    assert len(numbers) > 50


def test_the_shipped_dictionary_pays() -> None:
    load = b'[[6,"mumbai",73,57,[39,5800,84,108,100,0]],[6,"pune",73,27,[3,420,6,40,100,0]]]'
    with_it, without = Compressor().compress(load), Compressor(b"").compress(load)
    assert with_it is not None
    assert len(with_it) < 0.7 * len(without or load)
