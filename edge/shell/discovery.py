"""Seeds: turns the configured names into addresses, again and again, for ever.

A headless Service answers with the address of every pod, and the answer changes as pods come and go. A name that does
not resolve is no reason to stop: it is counted, said once, and tried again. Where another source lists addresses
(`edge.shell.kube`), they count beside those of the names.
"""

import asyncio
import logging
import random
import socket
from collections.abc import Callable

from edge.model import Address

log = logging.getLogger(__name__)

_ADDRESSES_MAX = 256
_LOOKUP_TIMEOUT_S = 5.0
_RETRY_S = 1.0  # first pause after a failure; it doubles up to the usual one
_ALONE_S = 2.0  # a lone node asks this often: of pods that start together, the first answers list few


class Discovery:
    """Resolves seeds.

    Args:
        seeds: `host:port` each, host a name or an address.
        found: called with all addresses, in a stable order, after each round and each list.
        every_s: pause between rounds ± 10% while all names resolve, seconds.
        alone: whether this node knows no other; then it asks more often.
    """

    def __init__(
        self,
        seeds: list[Address],
        found: Callable[[list[Address]], None],
        every_s: float = 60.0,
        alone: Callable[[], bool] = lambda: False,
    ) -> None:
        self._seeds = seeds
        self._found = found
        self._every_s = every_s
        self._alone = alone
        self._retry_s = _RETRY_S
        self._failing: dict[Address, str] = {}
        self._resolved: dict[Address, list[Address]] = {}  # the last good answer of each seed
        self._listed: list[Address] = []
        self.failures = 0

    async def run(self) -> None:
        """Resolve until cancelled."""
        while True:
            for seed in self._seeds:
                await self._lookup(seed)
            self._tell()
            await asyncio.sleep(random.uniform(0.9, 1.1) * self._pause_s())

    def listed(self, addresses: list[Address]) -> None:
        """Another source lists these addresses now, in place of those it listed before."""
        if addresses != self._listed:
            self._listed = addresses
            self._tell()

    def _tell(self) -> None:
        addresses = dict.fromkeys(self._listed)
        for seed in self._seeds:
            addresses |= dict.fromkeys(self._resolved.get(seed, ()))
        self._found(sorted(addresses)[:_ADDRESSES_MAX])

    def _pause_s(self) -> float:
        longest_s = min(_ALONE_S, self._every_s) if self._alone() else self._every_s
        if not self._failing:
            self._retry_s = _RETRY_S
            return longest_s
        pause_s, self._retry_s = self._retry_s, min(self._every_s, 2 * self._retry_s)
        return min(pause_s, longest_s)

    async def _lookup(self, seed: Address) -> None:
        """Ask for one seed; an answer counts until there is a better one, for a name server may be cut off too."""
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
            return
        if self._failing.pop(seed, None):
            log.info("seed %s resolves again", seed)
        self._resolved[seed] = [Address(str(answer[4][0]), seed.port) for answer in answers]
