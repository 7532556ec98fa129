import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.model import Address, ConfigError, Load, first_incarnation, generation_of, incarnation_of


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:7700", Address("127.0.0.1", 7700)),
        (" edge-0.edge:0 ", Address("edge-0.edge", 0)),
        ("[::1]:7700", Address("::1", 7700)),
    ],
)
def test_an_address_is_host_and_port(text: str, address: Address) -> None:
    assert Address.parse(text, "gossip.bind") == address
    assert Address.parse(str(address), "gossip.bind") == address


@pytest.mark.parametrize("text", ["", "7700", "host:", ":7700", "host:port", "host:65536", "::1:7700", "h:٣"])
def test_anything_else_is_told_with_its_field(text: str) -> None:
    with pytest.raises(ConfigError) as told:
        Address.parse(text, "gossip.bind")
    assert str(told.value).startswith(f"gossip.bind: {text!r} is no address; write host:port")


@given(generation=st.integers(0, 2**40), counter=st.integers(0, 2**16 - 1))
def test_an_incarnation_orders_by_process_start_then_by_refutations(generation: int, counter: int) -> None:
    incarnation = incarnation_of(generation, counter)
    assert generation_of(incarnation) == generation
    assert incarnation < incarnation_of(generation + 1)
    assert incarnation <= incarnation_of(generation, 2**16 - 1)


@pytest.mark.parametrize(
    ("earlier", "later"), [(1.7e9, 1.7e9 + 0.001), (1.7e9 + 0.5, 1.7e9 + 0.999), (5.999, 6.0)]
)
def test_a_process_that_starts_later_in_the_same_second_has_a_greater_incarnation(
    earlier: float, later: float
) -> None:
    assert first_incarnation(earlier) < first_incarnation(later)
    assert generation_of(first_incarnation(later)) == int(later)


def test_a_node_without_capacity_is_full() -> None:
    assert Load(streams=0, kbps=0, rps=0, capacity=0, health=100, lag_ms=0).ratio == 1
    assert Load(streams=5, kbps=0, rps=0, capacity=20, health=100, lag_ms=0).ratio == 0.25
