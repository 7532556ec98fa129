from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from edge.wire.compress import Compressor
from edge.wire.errors import DecodeError, Drop
from edge.wire.frame import DATAGRAM_MAX_BYTES, HEADER, OVERHEAD_BYTES, Opener, Sealer
from edge.wire.keys import KeyRing, key_id

OLD, NEW = bytes(32), bytes([1]) * 32
RING = KeyRing((OLD,))
PAYLOAD = b'[[0,7,"pune","mumbai"]]'


def sealer(ring: KeyRing = RING, cluster: str = "demo", session: bytes = b"sessions") -> Sealer:
    return Sealer(ring, cluster, session, Compressor())


def opener(ring: KeyRing = RING, cluster: str = "demo", sessions_max: int = 8192) -> Opener:
    return Opener(ring, cluster, Compressor(), sessions_max)


def reason(one: Opener, datagram: bytes) -> Drop:
    with pytest.raises(DecodeError) as dropped:
        one.open(datagram)
    return dropped.value.reason


@given(st.lists(st.binary(max_size=1300), max_size=5))
def test_what_was_sealed_is_opened_once(payloads: list[bytes]) -> None:
    sending, receiving = sealer(), opener()
    for payload in payloads:
        frame = sending.seal(payload)
        assert len(frame) <= len(payload) + OVERHEAD_BYTES
        assert receiving.open(frame) == payload
        assert reason(receiving, frame) is Drop.REPLAY


@given(st.binary(max_size=1500))
def test_junk_is_dropped_for_a_reason(junk: bytes) -> None:
    assert reason(opener(), junk) in Drop


@given(st.integers(0, 8 * (len(PAYLOAD) + OVERHEAD_BYTES) - 1))
def test_no_bit_of_a_frame_may_change(bit: int) -> None:
    frame = bytearray(sealer().seal(PAYLOAD))
    bit %= 8 * len(frame)
    frame[bit // 8] ^= 1 << bit % 8
    expected = {0: Drop.VERSION, 1: Drop.DICTIONARY, 2: Drop.UNKNOWN_KEY}
    assert reason(opener(), bytes(frame)) in {
        expected.get(bit // 8, Drop.AUTHENTICATION),
        Drop.AUTHENTICATION,
    }


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda frame: frame[: OVERHEAD_BYTES - 1], Drop.SHORT),
        (lambda frame: frame[:-1], Drop.AUTHENTICATION),
        (lambda frame: frame + bytes(DATAGRAM_MAX_BYTES), Drop.LONG),
        (lambda frame: sealer(cluster="other").seal(PAYLOAD), Drop.AUTHENTICATION),
        (lambda frame: sealer(KeyRing((NEW,))).seal(PAYLOAD), Drop.UNKNOWN_KEY),
        (lambda frame: b"\x02" + frame[1:], Drop.VERSION),
        (lambda frame: frame[:1] + b"\x00" + frame[2:], Drop.AUTHENTICATION),
    ],
)
def test_each_fault_has_its_reason(spoil: Callable[[bytes], bytes], expected: Drop) -> None:
    assert reason(opener(), spoil(sealer().seal(PAYLOAD * 4))) is expected


def test_keys_rotate_without_a_lost_frame() -> None:
    """Install the new key everywhere as the second, make it the first, remove the old one."""
    assert key_id(OLD) != key_id(NEW)
    only_old, both_old, both_new, only_new = (
        KeyRing(keys) for keys in ((OLD,), (OLD, NEW), (NEW, OLD), (NEW,))
    )
    for sending, receiving in [
        (only_old, both_old),
        (both_old, only_old),
        (both_new, both_old),
        (both_old, both_new),
        (only_new, both_new),
        (both_new, only_new),
    ]:
        assert opener(receiving).open(sealer(sending).seal(PAYLOAD)) == PAYLOAD
    assert reason(opener(only_old), sealer(both_new).seal(PAYLOAD)) is Drop.UNKNOWN_KEY


def test_a_forger_cannot_fill_the_table_of_sessions() -> None:
    receiving = opener()
    for number in range(100):
        forged = HEADER.pack(1, 0, key_id(OLD), number.to_bytes(8, "big"), bytes(6)) + bytes(40)
        assert reason(receiving, forged) is Drop.AUTHENTICATION
    assert receiving.sessions == 0


def test_the_table_of_sessions_is_bounded() -> None:
    receiving = opener(sessions_max=10)
    for number in range(100):
        receiving.open(sealer(session=number.to_bytes(8, "big")).seal(PAYLOAD))
    assert receiving.sessions == 10


def test_a_sealed_bomb_is_dropped() -> None:
    class Bomber(Compressor):
        def compress(self, payload: bytes) -> bytes | None:
            parameters = zstandard.ZstdCompressionParameters.from_level(
                19, format=zstandard.FORMAT_ZSTD1_MAGICLESS, write_content_size=1
            )
            return zstandard.ZstdCompressor(compression_params=parameters).compress(bytes(20_000_000))

    bomb = Sealer(RING, "demo", b"sessions", Bomber()).seal(PAYLOAD)
    assert reason(opener(), bomb) in {Drop.INFLATE, Drop.LONG}


def test_equal_payloads_never_make_equal_frames() -> None:
    sending = sealer()
    frames = {sending.seal(PAYLOAD) for _ in range(50)} | {sealer(session=b"anotherx").seal(PAYLOAD)}
    assert len(frames) == 51


RINGS = [KeyRing(keys) for keys in ((OLD,), (OLD, NEW), (NEW, OLD), (NEW,))]


@given(st.lists(st.tuples(st.sampled_from(RINGS), st.sampled_from(RINGS), st.booleans()), max_size=12))
def test_rings_change_in_one_session_and_nothing_comes_twice(
    steps: list[tuple[KeyRing, KeyRing, bool]],
) -> None:
    """Whatever the rings become: what is sealed under a held key opens, once; no key meets a nonce again."""
    sending, receiving = sealer(), opener()
    sent: list[bytes] = []
    for ring, held, again in steps:
        sending.take(ring)
        receiving.take(held)
        sent.append(frame := sending.seal(PAYLOAD))
        if ring.keys[0] in held.keys:
            assert receiving.open(frame) == PAYLOAD
        else:
            assert reason(receiving, frame) is Drop.UNKNOWN_KEY
        if again and ring.keys[0] in held.keys:
            assert reason(receiving, frame) is Drop.REPLAY
    pairs = [frame[2 : HEADER.size] for frame in sent]  # key, session and counter
    assert len(set(pairs)) == len(pairs)
    counters = [frame[HEADER.size - 6 : HEADER.size] for frame in sent]
    assert counters == sorted(set(counters)), "one counter for all keys of a session"


def test_a_frame_is_sealed_under_the_key_that_is_chosen_for_whom_it_is_for() -> None:
    sending = sealer(KeyRing((NEW, OLD)))
    sending.choose = lambda recipient: key_id(OLD if recipient == "pune" else NEW)
    assert opener(KeyRing((OLD,))).open(sending.seal(PAYLOAD, "pune")) == PAYLOAD
    assert opener(KeyRing((NEW,))).open(sending.seal(PAYLOAD, "delhi")) == PAYLOAD


def test_another_key_of_the_same_id_is_another_key() -> None:
    twin = next(
        key for number in range(2, 10_000) if key_id(key := number.to_bytes(32, "big")) == key_id(OLD)
    )
    sending, receiving = sealer(), opener()
    assert receiving.open(sending.seal(PAYLOAD)) == PAYLOAD
    receiving.take(KeyRing((twin,)))
    assert reason(receiving, sending.seal(PAYLOAD)) is Drop.AUTHENTICATION
    sending.take(KeyRing((twin,)))
    assert receiving.open(sending.seal(PAYLOAD)) == PAYLOAD
