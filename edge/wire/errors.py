"""Why a datagram was dropped. One exception, one reason a counter is kept for."""

from enum import StrEnum


class Drop(StrEnum):
    """Reasons for dropping a received datagram; each is a label value of one counter."""

    SHORT = "short"  # smaller than header and tag
    LONG = "long"  # greater than any datagram we send
    VERSION = "version"  # a frame version that this program does not know
    DICTIONARY = "dictionary"  # compressed with a dictionary that this program does not have
    UNKNOWN_KEY = "unknown_key"  # no key of the ring has this id
    AUTHENTICATION = "authentication"  # wrong key, wrong cluster, or changed on the way
    REPLAY = "replay"  # a counter seen before in this session, or older than its window
    INFLATE = "inflate"  # no zstd block, or one that would inflate beyond the bound
    DECODE = "decode"  # opened, but no valid list of messages
    FLOOD = "flood"  # not opened: its sender sends far more than any member has to say


class DecodeError(Exception):
    """A datagram that is not ours or not whole. Counted by `reason`, never raised out of the receive path.

    No state has changed when it is raised, with one exception: after `Drop.INFLATE` and `Drop.DECODE` the counter
    of the (authenticated) frame is spent.
    """

    def __init__(self, reason: Drop) -> None:
        super().__init__(reason.value)
        self.reason = reason
