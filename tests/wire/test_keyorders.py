import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.wire import keyorders
from edge.wire.keyorders import Order
from edge.wire.keys import KEY_BYTES, KeyRing, fingerprint, key_id, parse_key

OLD, NEW, OTHER = (bytes([number]) * KEY_BYTES for number in (1, 2, 3))
NONCE = bytes(keyorders.NONCE_BYTES)


@pytest.mark.parametrize("what", ["use", "remove"])
@pytest.mark.parametrize("force", [False, True])
def test_orders_are_read_as_they_were_written(what: str, force: bool) -> None:
    order = Order(what, 0x0A, force)
    assert keyorders.read(order.name, order.body) == order


def test_an_installed_key_is_for_the_ring_and_the_cluster_that_it_was_sealed_for() -> None:
    order = keyorders.install(NEW, KeyRing((OLD,)), "final", NONCE)
    assert keyorders.read(order.name, order.body) == order
    assert order.name == f"keys:{key_id(NEW):02x}"
    assert keyorders.opened(order, KeyRing((OTHER, OLD)), "final") == NEW
    assert keyorders.opened(order, KeyRing((OTHER,)), "final") is None
    assert keyorders.opened(order, KeyRing((OLD,)), "other") is None
    assert keyorders.opened(order._replace(key=7), KeyRing((OLD,)), "final") is None
    assert keyorders.opened(order._replace(sealed=b"short"), KeyRing((OLD,)), "final") is None
    assert len(order.body) < 100


@given(st.text(max_size=20), st.text(max_size=20))
def test_what_is_no_order_is_none(name: str, body: str) -> None:
    found = keyorders.read(keyorders.PREFIX + name, body)
    assert found is None or found.what in ("install", "use", "remove")


def test_what_people_see_of_a_key_is_no_part_of_it() -> None:
    assert len(fingerprint(OLD)) == 16
    assert fingerprint(OLD) != fingerprint(NEW)
    assert parse_key("hunter2") is None
    assert parse_key(KeyRing((OLD,)).text()) == OLD
    assert KeyRing((OLD, NEW)).led_by(key_id(NEW)).keys == (NEW, OLD)
    assert KeyRing((OLD, NEW)).led_by(-1).keys == (OLD, NEW)
