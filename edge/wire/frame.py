"""The sealed frame: a plain header, then AES-256-GCM over a payload that is compressed where that helps.

    version u8 | dictionary u8 | key id u8 | session 8 B | counter 6 B | ciphertext | tag 16 B

`dictionary` names the zstd dictionary of the payload; 0 means that the payload is stored as it is.

The header and the cluster id are bound as associated data, so clusters never merge by accident. A session is eight
random bytes drawn at process start; the frame key is derived from ring key, session and cluster, and the nonce is the
counter: a pair of key and nonce never repeats, however long a process lives (PROTOCOL.md, Frame).

A session outlives a change of keys, and has one counter for all of them: each value is used once, under whatever key.
So a pair repeats not even where a key is taken back into use, and a receiver has one replay window for the session.
"""

import struct
from collections import OrderedDict
from collections.abc import Callable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from edge.model import Address
from edge.wire.compress import INFLATED_MAX_BYTES, Compressor
from edge.wire.errors import DecodeError, Drop
from edge.wire.keys import KeyRing, frame_key, key_id
from edge.wire.replay import ReplayWindow

FRAME_VERSION = 1
DATAGRAM_MAX_BYTES = 1400  # leaves room for the headers of overlay networks in 1,500 B
HEADER = struct.Struct(">BBB8s6s")
TAG_BYTES = 16
OVERHEAD_BYTES = HEADER.size + TAG_BYTES
SESSION_BYTES = 8
_COUNTER_BYTES = 6
_COUNTER_END = 1 << 8 * _COUNTER_BYTES
_STORED = 0
_NONCE_PAD = bytes(12 - _COUNTER_BYTES)

Recipient = Address | str  # a node's address, or its name


class Sealer:
    """Seals payloads under one session, and the ring's first key unless `choose` names another one.

    Args:
        ring: the cluster's keys.
        cluster: the cluster's id.
        session: eight random bytes that no other process start has drawn.
        compressor: shared with the opener.
    """

    def __init__(self, ring: KeyRing, cluster: str, session: bytes, compressor: Compressor) -> None:
        assert len(session) == SESSION_BYTES
        self._cluster = cluster.encode()
        self._session = session
        self._compressor = compressor
        self.choose: Callable[[Recipient], int] | None = None  # the id of a key of the ring
        self._counter = 0  # never set back: see above
        self.take(ring)

    def take(self, ring: KeyRing) -> None:
        """Seal with these keys from now on."""
        self._first = key_id(ring.keys[0])
        self._aeads = {
            name: AESGCM(frame_key(key, self._session, self._cluster)) for name, key in ring.by_id().items()
        }

    def seal(self, payload: bytes, recipient: Recipient = "") -> bytes:
        """One frame. It grows by `OVERHEAD_BYTES` at most; compression makes most of them smaller.

        Args:
            payload: what to seal.
            recipient: address or name of whom it is for; "" where nothing is known.
        """
        key = self.choose(recipient) if self.choose else self._first
        assert len(payload) <= INFLATED_MAX_BYTES
        block = self._compressor.compress(payload)
        counter = self._counter.to_bytes(_COUNTER_BYTES, "big")
        assert self._counter < _COUNTER_END
        self._counter += 1
        dictionary = _STORED if block is None else self._compressor.dictionary_id
        header = HEADER.pack(FRAME_VERSION, dictionary, key, self._session, counter)
        body = payload if block is None else block
        return header + self._aeads[key].encrypt(_NONCE_PAD + counter, body, header + self._cluster)


class Opener:
    """Opens frames of any session sealed under any key of the ring, each counter once.

    The session table holds authenticated sessions only, the least recently heard leaves first; a replay of a session
    that has left carries only versions that merge to nothing.
    """

    def __init__(self, ring: KeyRing, cluster: str, compressor: Compressor, sessions_max: int = 8192) -> None:
        self._keys = ring.by_id()
        self._cluster = cluster.encode()
        self._compressor = compressor
        self._sessions_max = sessions_max
        self._aeads: OrderedDict[tuple[int, bytes], AESGCM] = OrderedDict()
        self._windows: OrderedDict[bytes, ReplayWindow] = OrderedDict()

    def take(self, ring: KeyRing) -> None:
        """Open with these keys from now on. Sessions and their windows stay: no frame comes twice."""
        before, self._keys = self._keys, ring.by_id()
        for key, session in list(self._aeads):
            if self._keys.get(key) != before.get(key):  # gone, or another one of the same id
                del self._aeads[key, session]

    @property
    def sessions(self) -> int:
        """How many sessions are held; never more than `sessions_max`."""
        return len(self._windows)

    def open(self, datagram: bytes, most_bytes: int = DATAGRAM_MAX_BYTES) -> bytes:
        """The payload of a frame of at most `most_bytes`.

        Raises:
            DecodeError: with the reason to count.
        """
        if len(datagram) < OVERHEAD_BYTES:
            raise DecodeError(Drop.SHORT)
        if len(datagram) > most_bytes:
            raise DecodeError(Drop.LONG)
        header = datagram[: HEADER.size]
        version, dictionary, key, session, counter = HEADER.unpack(header)
        if version != FRAME_VERSION:
            raise DecodeError(Drop.VERSION)
        if dictionary not in (_STORED, self._compressor.dictionary_id):
            raise DecodeError(Drop.DICTIONARY)
        aead = self._aead(key, session)
        try:
            body = aead.decrypt(_NONCE_PAD + counter, datagram[HEADER.size :], header + self._cluster)
        except InvalidTag:
            raise DecodeError(Drop.AUTHENTICATION) from None
        self._remember((key, session), aead)
        if not self._windows[session].accept(int.from_bytes(counter, "big")):
            raise DecodeError(Drop.REPLAY)
        return self._compressor.decompress(body) if dictionary else body

    def _aead(self, key: int, session: bytes) -> AESGCM:
        if known := self._aeads.get((key, session)):
            return known
        if (ring_key := self._keys.get(key)) is None:
            raise DecodeError(Drop.UNKNOWN_KEY)
        return AESGCM(frame_key(ring_key, session, self._cluster))

    def _remember(self, key: tuple[int, bytes], aead: AESGCM) -> None:
        session = key[1]
        self._aeads[key] = aead
        self._aeads.move_to_end(key)
        if session not in self._windows:
            self._windows[session] = ReplayWindow()
        self._windows.move_to_end(session)
        if len(self._aeads) > self._sessions_max:
            self._aeads.popitem(last=False)
        if len(self._windows) > self._sessions_max:
            self._windows.popitem(last=False)
