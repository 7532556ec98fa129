"""Watches the origins: asks each for a path every few seconds, where one is given, and tells when one comes or goes.

What follows from it is decided in `edge.decide.origins`; fills tell of their own what they met.
"""

import asyncio
import math
import random
import time
from collections.abc import Callable
from typing import Any

import aiohttp
from yarl import URL

from edge.config import OriginConfig
from edge.decide.origins import Origins, OriginState
from edge.model import GossipEvent

LOOK_EVERY_S = 0.5
_JITTER = 0.1
_WELL = range(200, 400)


class OriginWatch:
    """The origins of one node.

    Args:
        origins: their states.
        config: what to ask them for, and how often.
        told: hears of each change.
    """

    def __init__(self, origins: Origins, config: OriginConfig, told: Callable[[GossipEvent], None]) -> None:
        self.origins = origins
        self._config = config
        self._told = told
        self._up = [True] * len(origins.states)

    async def run(self) -> None:
        """Watch until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look())
            if self._config.check_path:
                group.create_task(self._check_all())

    async def _look(self) -> None:
        while True:
            now = time.monotonic()
            for index, state in enumerate(self.origins.states):
                if (up := self.origins.is_up(state)) != self._up[index]:
                    self._up[index] = up
                    text = f"origin {state.server.name} is {'up' if up else f'down: {_why(state)}'}"
                    self._told(GossipEvent("origin", state.server.name, text, now))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _check_all(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._config.check_timeout_s)
        # A new connection each time: one that is kept may outlive what listens at the address.
        connector = aiohttp.TCPConnector(force_close=True)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector) as http,
            asyncio.TaskGroup() as group,
        ):
            for state in self.origins.states:
                group.create_task(self._check(http, state))

    async def _check(self, http: aiohttp.ClientSession, state: OriginState) -> None:
        url = URL(state.server.url + self._config.check_path, encoded=True)
        while True:
            try:
                async with http.get(url, allow_redirects=False, headers={"User-Agent": "edge"}) as answer:
                    well = answer.status in _WELL
            except (aiohttp.ClientError, TimeoutError):
                well = False
            self.origins.checked(state, well, time.monotonic())
            await asyncio.sleep(self._config.check_s * random.uniform(1 - _JITTER, 1 + _JITTER))

    def status(self) -> list[dict[str, Any]]:
        """Each origin, for people and pages."""
        now = time.monotonic()
        return [self._one(state, now) for state in self.origins.states]

    def _one(self, state: OriginState, now: float) -> dict[str, Any]:
        up = self.origins.is_up(state)
        return {
            "url": state.server.name,
            "priority": state.server.priority,
            "weight": state.server.weight,
            "up": up,
            "reason": "" if up else _why(state),
            "retry_in_s": None
            if state.paused_until is None
            else round(max(0.0, state.paused_until - now), 1),
            "requests": state.requests,
            "failures": sum(state.failed.values()),
            "checks": state.checks,
            "checks_failed": state.checks_failed,
            "last_failure_s": None if state.last_failure == -math.inf else round(now - state.last_failure, 1),
        }


def _why(state: OriginState) -> str:
    """What speaks against an origin that is down."""
    said = []
    if state.paused_until is not None:
        said.append(f"{state.failures} fills failed in a row, last by {state.last_reason}")
    if state.check_failures:
        said.append(f"{state.check_failures} checks failed in a row")
    return ", ".join(said)
