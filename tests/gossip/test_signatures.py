"""Whose word is taken of whom, where records are signed."""

import random
from functools import partial

import pytest
from msgspec import structs

from edge.gossip import signatures
from edge.gossip.reputation import Fault
from edge.gossip.signatures import FAILURES_MAX, Mode, Refusal, Signing
from edge.model import KEY_BYTES, SIGNATURE_BYTES, Address, Member, Status
from edge.wire.messages import Announce, Claim, Want
from edge.wire.signatures import Signer, proven
from gossip.test_node import Bench
from pretend import GENERATION, Network, member

ELSEWHERE = "http://10.9.9.9:7780"
SEED = Address("10.0.0.1", 7700)


def signer(name: str) -> Signer:
    return Signer(random.Random(name).randbytes(KEY_BYTES), "test")


def signing(name: str, mode: Mode = "verify") -> Signing:
    return Signing(signer(name), mode)


def signed(one: Member, key: str = "") -> Member:
    return signer(key or one.name).signed(one)


OWNER, LIAR = signed(member("2")), signed(member("3"))
LIAR_AT = LIAR.address


def acquainted(mode: Mode = "verify") -> Bench:
    bench = Bench(signing=signing("1", mode))
    bench.hear(Announce(OWNER), Announce(LIAR))
    assert bench.node.status_of("2") is bench.node.status_of("3") is Status.ALIVE
    return bench


def held(bench: Bench, name: str = "2") -> Member:
    found = bench.node.view().node(name)
    assert found
    return found.member


def later(counter: int = 1) -> int:
    return OWNER.incarnation + counter


FORGED = structs.replace(OWNER, incarnation=later(), public=ELSEWHERE)


@pytest.mark.parametrize(
    ("forged", "reason"),
    [
        (FORGED, Refusal.WRONG),
        (structs.replace(FORGED, proof=b""), Refusal.MISSING),
        (signed(FORGED, "3"), Refusal.OTHER),
        (structs.replace(FORGED, status=Status.LEFT), Refusal.WRONG),
        (structs.replace(OWNER, status=Status.LEFT), Refusal.WRONG),
        (structs.replace(OWNER, incarnation=later(), status=Status.SUSPECT), Refusal.WRONG),
        (structs.replace(OWNER, status=Status.UNREACHABLE, zone="elsewhere"), Refusal.WRONG),
        (structs.replace(OWNER, status=Status.LEFT, proof=OWNER.proof[:-1]), Refusal.WRONG),
    ],
)
def test_a_record_that_is_not_its_owners_word_is_refused(forged: Member, reason: Refusal) -> None:
    bench = acquainted()
    bench.hear(Announce(forged), source=LIAR_AT)
    assert held(bench) == OWNER
    assert bench.node.signatures.refused[reason] == 1
    assert bench.node.trust.faults[Fault.FORGED] == 1
    events = iter(bench.node.next_event, None)
    assert ("forged", "2") in [(one.kind, one.node) for one in events]


@pytest.mark.parametrize("status", [Status.ALIVE, Status.LEFT])
@pytest.mark.parametrize("signature", [b"", bytes(SIGNATURE_BYTES), OWNER.proof[KEY_BYTES:]])
def test_nor_is_a_claim_in_its_name(status: Status, signature: bytes) -> None:
    bench = acquainted()
    bench.hear(Claim("2", later(), status, "2", signature), source=LIAR_AT)
    assert held(bench) == OWNER
    assert sum(bench.node.signatures.refused.values()) == 1


@pytest.mark.parametrize("status", [Status.ALIVE, Status.LEFT])
def test_the_owners_own_claim_is_taken_and_passed_on_with_its_signature(status: Status) -> None:
    bench = acquainted()
    bench.said()
    after = signed(structs.replace(OWNER, incarnation=later(), status=status))
    claim = Claim("2", after.incarnation, status, "2", after.proof[KEY_BYTES:])
    bench.hear(claim, source=OWNER.address)
    assert held(bench) == after
    assert proven(held(bench), "test")
    assert (LIAR_AT, claim) in bench.said()


def test_others_may_doubt_it_but_not_at_a_time_that_it_has_not_told() -> None:
    bench = acquainted()
    bench.hear(Claim("2", later(), Status.SUSPECT, "3"), source=LIAR_AT)
    assert held(bench) == OWNER
    assert (LIAR_AT, Want(("2",))) in bench.said()
    assert bench.node.signatures.ahead == 1
    bench.hear(Claim("2", OWNER.incarnation, Status.SUSPECT, "3"), source=LIAR_AT)
    assert held(bench) == structs.replace(OWNER, status=Status.SUSPECT)
    assert proven(held(bench), "test")


def test_older_records_and_copies_change_nothing_and_cost_nothing() -> None:
    bench = acquainted()
    newer = signed(structs.replace(OWNER, incarnation=later(5), public=ELSEWHERE))
    bench.hear(Announce(newer), source=OWNER.address)
    verified = bench.node.signatures.verified
    for _ in range(3):
        bench.hear(Announce(OWNER), Announce(newer), source=LIAR_AT)
    assert held(bench) == newer
    assert bench.node.signatures.verified == verified
    assert not any(bench.node.signatures.refused.values())


def test_who_never_signed_is_taken_as_before_unless_all_must() -> None:
    for mode, status in (("verify", Status.ALIVE), ("require", None)):
        bench = acquainted(mode)  # type: ignore[arg-type]
        bench.hear(Announce(member("4")), source=LIAR_AT)
        assert bench.node.status_of("4") is status
        assert bench.node.trust.faults[Fault.FORGED] == 0  # an older version signs nothing, and means no harm


def test_the_signature_of_a_record_that_is_held_without_one_is_taken_over() -> None:
    bench = acquainted()
    bench.hear(Announce(member("4")), Claim("4", member("4").incarnation, Status.SUSPECT, "2"))
    bench.hear(Announce(signed(member("4"), "5")), source=LIAR_AT)
    assert held(bench, "4") == structs.replace(signed(member("4"), "5"), status=Status.SUSPECT)
    bench.hear(Announce(signed(structs.replace(member("4"), public=ELSEWHERE))), source=LIAR_AT)
    assert held(bench, "4").public == ""


def test_what_does_not_fit_is_not_verified_without_end() -> None:
    bench = acquainted()
    bad = [structs.replace(FORGED, incarnation=later(number)) for number in range(1, 30)]
    bench.hear(*map(Announce, bad), source=LIAR_AT)
    refused = bench.node.signatures.refused
    assert (refused[Refusal.WRONG], refused[Refusal.UNREAD]) == (FAILURES_MAX, 29 - FAILURES_MAX)
    assert bench.node.trust.faults[Fault.FORGED] == 1
    honest = signed(structs.replace(OWNER, incarnation=later()))
    bench.hear(Announce(honest), source=OWNER.address)
    assert held(bench) == honest
    bench.hear(*map(Announce, bad[-1:]), source=LIAR_AT, now=2.1)
    assert bench.node.signatures.refused[Refusal.WRONG] == FAILURES_MAX + 1


def test_nobody_is_blamed_who_verifies_nothing() -> None:
    bench = acquainted()
    plain = member("4")
    bench.hear(Announce(plain))
    bench.hear(Announce(FORGED), source=plain.address)
    bench.hear(Announce(FORGED), source=Address("10.0.0.99", 7700))
    assert bench.node.signatures.refused[Refusal.WRONG] == 2
    assert bench.node.trust.faults[Fault.FORGED] == 0


def test_a_forged_rival_does_not_end_this_process() -> None:
    bench = acquainted()
    much_later = structs.replace(bench.node.member, incarnation=(GENERATION + 900) << 16)
    bench.hear(Announce(structs.replace(much_later, proof=b"")), source=LIAR_AT, now=20.0)
    bench.hear(Announce(much_later), source=LIAR_AT, now=20.0)
    bench.hear(Announce(signed(much_later, "3")), source=LIAR_AT, now=20.0)
    bench.hear(Claim("1", much_later.incarnation, Status.ALIVE, "1"), source=LIAR_AT, now=20.0)
    assert not bench.node.conflict
    bench.hear(Announce(signed(much_later, "1")), source=LIAR_AT, now=20.0)
    assert bench.node.conflict  # a copy of its key is in use


def site(*modes: Mode) -> Network:
    """The first is the only seed."""
    network = Network()
    for number, mode in enumerate(modes, 1):
        network.start(
            member(str(number)), SEED, signing=signing(str(number), mode) if mode != "off" else Signing()
        )
    network.until(partial(whole, network, len(modes)))
    return network


def whole(network: Network, count: int) -> bool:
    return all(len(node.view().alive) == count for node in network.nodes.values())


def keys(network: Network, name: str) -> list[bytes]:
    held = [node.view().node(name) for node in network.nodes.values()]
    return [one.member.key for one in held if one]


def test_a_cluster_of_some_who_sign() -> None:
    network = site("off", "verify", "verify", "verify")
    network.run(5)
    for name in ("2", "3", "4"):
        assert keys(network, name) == [signer(name).key] * 4
    assert keys(network, "1") == [b""] * 4
    assert not any(any(node.signatures.refused.values()) for node in network.nodes.values())
    assert len({node._core.members.root for node in network.nodes.values()}) == 1


def test_where_all_must_sign_who_does_not_is_nobody_and_yet_brings_the_others_together() -> None:
    network = Network()
    network.start(member("1"), SEED)
    for name in ("2", "3", "4"):
        network.start(member(name), SEED, signing=signing(name, "require"))
    network.until(lambda: all(len(network.nodes[name].view().alive) == 3 for name in ("2", "3", "4")))
    assert network.status("1", at="2") is None
    assert network.nodes["2"].signatures.refused[Refusal.UNSIGNED]


def test_a_suspect_refutes_and_leaves_with_its_signature() -> None:
    network = site("verify", "verify", "verify")
    wake = network.pause("3")
    network.until(lambda: network.status("3", at="1") is Status.SUSPECT)
    wake()
    network.until(partial(whole, network, 3))
    assert proven(network.nodes["1"].view().node("3").member, "test")  # type: ignore[union-attr]
    network.nodes["3"].leave(network.now)
    network.run(1)
    network.crash("3")
    network.until(lambda: network.all_hold("3", Status.LEFT))
    # It said goodbye: whoever comes now may have another key.
    again = member("3", GENERATION + 9)
    network.start(again, SEED, signing=signing("new"))
    network.until(partial(whole, network, 3))
    assert keys(network, "3") == [signer("new").key] * 3


def test_a_thief_of_a_name_is_refused() -> None:
    network = site("verify", "verify", "verify")
    thief = structs.replace(member("3", GENERATION + 60), host="10.0.0.66")
    network.rename("3", to="owner")
    stolen = network.start(thief, SEED, signing=signing("thief"))
    network.run(20)
    for at in ("1", "2", "owner"):
        found = network.nodes[at].view().node("3")
        assert found
        assert (found.member.host, found.member.key, found.alive) == ("10.0.0.3", signer("3").key, True)
    assert not network.nodes["owner"].conflict
    kinds = [one.kind for one in iter(stolen.next_event, None)]
    assert "refused" in kinds


@pytest.mark.parametrize("host", ["10.0.0.3", "10.0.0.33"])
def test_who_has_lost_its_key_is_let_in_when_its_past_is_known_to_be_gone(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network()
    for name in ("1", "2", "3"):
        network.start(member(name), SEED, signing=Signing(signer(name), "verify", 10.0))
    network.until(partial(whole, network, 3))
    network.run(3)
    network.crash("3")
    again = structs.replace(member("3", GENERATION + 4), host=host)
    network.start(again, SEED, signing=Signing(signer("new"), "verify", 10.0))
    network.run(5)
    assert network.status("3", at="1") is not Status.ALIVE
    assert keys(network, "3")[:2] == [signer("3").key] * 2
    took_s = network.until(lambda: keys(network, "3") == [signer("new").key] * 3, 30)
    assert took_s > 5
    network.until(partial(whole, network, 3))
    assert signatures.PIN_S == 60
