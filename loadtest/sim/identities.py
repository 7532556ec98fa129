"""Keys of simulated hosts: the same for a host's every process, and for the same seed in every run."""

import random
from collections.abc import Callable

from edge.gossip.signatures import UNSIGNED, Mode, Signing
from edge.model import KEY_BYTES
from edge.wire.signatures import Signer
from loadtest.sim.world import CLUSTER, Host


def signer_of(name: str) -> Signer:
    """The key of a host, or of somebody else who is known by that word."""
    return Signer(random.Random(f"identity:{name}").randbytes(KEY_BYTES), CLUSTER)


def all_sign(mode: Mode) -> Callable[[Host], Signing]:
    """Every host signs, and takes what `mode` says; off: none does."""
    return lambda host: UNSIGNED if mode == "off" else Signing(signer_of(host.name), mode)
