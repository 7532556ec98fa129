import base64

import pytest

from edge.model import ConfigError
from edge.wire.keys import KEY_BYTES, KeyRing, frame_key, key_id

FIRST, SECOND = bytes(KEY_BYTES), bytes([7]) * KEY_BYTES


def line(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_a_keys_file_has_a_key_a_line_and_the_first_seals() -> None:
    ring = KeyRing.parse(f"# of November\n\n{line(FIRST)}\n  {line(SECOND)}  \n", "keys")
    assert ring.keys == (FIRST, SECOND)
    assert ring.by_id() == {key_id(FIRST): FIRST, key_id(SECOND): SECOND}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "0 keys where 1 to 8 are allowed"),
        ("hunter2", "line 1 is no key"),
        (f"{line(FIRST)}\n{line(FIRST[1:])}", "line 2 is no key"),
        (f"{line(FIRST)}\n{line(FIRST)}", "two keys share an id"),
        ("\n".join(line(bytes([n]) * KEY_BYTES) for n in range(9)), "9 keys where 1 to 8 are allowed"),
    ],
)
def test_a_bad_keys_file_is_told_without_its_keys(text: str, problem: str) -> None:
    with pytest.raises(ConfigError) as told:
        KeyRing.parse(text, "cluster.keys")
    assert str(told.value).startswith(f"cluster.keys: {problem}")
    assert not [word for word in text.split() if word in str(told.value)]


def test_a_ring_never_shows_its_keys() -> None:
    shown = repr(KeyRing((FIRST, SECOND))) + str(KeyRing((FIRST, SECOND)))
    assert line(SECOND) not in shown
    assert repr(SECOND) not in shown


def test_a_frame_key_depends_on_key_session_and_cluster() -> None:
    derived = {
        frame_key(key, session, cluster)
        for key in (FIRST, SECOND)
        for session in (b"a" * 8, b"b" * 8)
        for cluster in (b"one", b"two")
    }
    assert len(derived) == 8
