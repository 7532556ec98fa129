"""Seeds: turns the configured names into addresses, again and again, for ever.

A headless Service answers with the address of every pod, and the answer changes as pods come and go. A name that does
not resolve is no reason to stop: it is counted, said once, and tried again.
"""

import asyncio
import logging
import socket
from collections.abc import Callable

from edge.model import Address

log = logging.getLogger(__name__)

_ADDRESSES_MAX = 256
_LOOKUP_TIMEOUT_S = 5.0
_RETRY_S = 1.0


class Discovery:
    """Resolves seeds.

    Args:
        seeds: `host:port` each, host a name or an address.
        found: called with all addresses, in a stable order, after each round.
        every_s: pause between rounds while all names resolve; a failed round is repeated after a second.
    """

    def __init__(
        self, seeds: list[Address], found: Callable[[list[Address]], None], every_s: float = 10.0
    ) -> None:
        self._seeds = seeds
        self._found = found
        self._every_s = every_s
        self._failing: dict[Address, str] = {}
        self.failures = 0

    async def run(self) -> None:
        """Resolve until cancelled."""
        while True:
            addresses: dict[Address, None] = {}
            for seed in self._seeds:
                addresses |= dict.fromkeys(await self._lookup(seed))
            self._found(sorted(addresses)[:_ADDRESSES_MAX])
            await asyncio.sleep(_RETRY_S if self._failing else self._every_s)

    async def _lookup(self, seed: Address) -> list[Address]:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_LOOKUP_TIMEOUT_S):
                answers = await loop.getaddrinfo(seed.host, seed.port, type=socket.SOCK_DGRAM)
        except (OSError, UnicodeError) as error:  # TimeoutError is an OSError
            self.failures += 1
            reason = str(error) or "no answer in time"
            if self._failing.get(seed) != reason:
                log.warning("seed %s does not resolve (%s); trying on", seed, reason)
                self._failing[seed] = reason
            return []
        if self._failing.pop(seed, None):
            log.info("seed %s resolves again", seed)
        return [Address(str(answer[4][0]), seed.port) for answer in answers]
