"""Lies in the name of others, where records are signed: the liar has the cluster's key, and a key of its own."""

from msgspec import structs

from edge.model import KEY_BYTES, SIGNATURE_BYTES, Member, Status
from edge.wire.messages import Announce, Claim, encode
from loadtest.sim.identities import signer_of
from loadtest.sim.liars import NODES, VICTIMS, Lie, Stage, others, tell_all

_ELSEWHERE = "http://10.9.9.9:7780"
_EVERY = 10  # acts, which are tenths of a second
_FAR = 1 << 12  # refutations ahead


def _forged(stage: Stage, status: Status = Status.ALIVE) -> list[Member]:
    """Records of others as they would be had they moved."""
    return [
        structs.replace(one, incarnation=one.incarnation + 1, public=_ELSEWHERE, status=status)
        for one in others(stage)
    ]


def _say(stage: Stage, messages: list[Announce] | list[Claim]) -> None:
    if stage.acts % _EVERY == 1:
        tell_all(stage, stage.liar, *(encode(one) for one in messages))


def _stale(stage: Stage) -> None:
    """Others have moved; their old signatures are told with it."""
    _say(stage, [Announce(one) for one in _forged(stage)[:VICTIMS]])


def _bare(stage: Stage) -> None:
    """The same without any."""
    _say(stage, [Announce(structs.replace(one, proof=b"")) for one in _forged(stage)[:VICTIMS]])


def _own_key(stage: Stage) -> None:
    """The same, signed by the liar itself."""
    signer = signer_of(stage.liar.name)
    _say(stage, [Announce(signer.signed(one)) for one in _forged(stage)[:VICTIMS]])


def _goodbye(stage: Stage) -> None:
    """All others leave: by claims without a signature and with junk, and by whole records."""
    goodbyes = [
        Claim(one.name, one.incarnation, Status.LEFT, one.name, signature)
        for one in others(stage)
        for signature in (b"", one.proof[KEY_BYTES:], bytes(SIGNATURE_BYTES))
    ]
    _say(stage, goodbyes)
    _say(stage, [Announce(one) for one in _forged(stage, Status.LEFT)])


def _raise(stage: Stage) -> None:
    """Others are suspect, or alive, at times that they have not come to."""
    claims = [
        Claim(one.name, one.incarnation + _FAR, status, who)
        for one in others(stage)
        for status, who in ((Status.SUSPECT, stage.liar.name), (Status.ALIVE, one.name))
    ]
    _say(stage, claims)


FORGERIES = {
    "stale": Lie(act=_stale, victims=VICTIMS, signed=True),
    "bare": Lie(act=_bare, victims=VICTIMS, signed=True),
    "own-key": Lie(act=_own_key, victims=VICTIMS, signed=True),
    "goodbye": Lie(act=_goodbye, victims=NODES - 1, signed=True),
    "raise": Lie(act=_raise, victims=NODES - 1, signed=True),
}
