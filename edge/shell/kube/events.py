"""Events on this node's own pod: what `kubectl describe pod` shows an operator of partitions, modes and conflicts."""

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from edge.shell.kube.backoff import Backoff
from edge.shell.kube.resources import ApiError

log = logging.getLogger(__name__)

QUEUE_MAX = 16
BURST = 10
EVERY_S = 30.0  # after a burst, one in this time: the API server keeps every Event for an hour
AGE_MAX_S = 600.0  # news older than this is not told any more
RETRY_S = (1.0, 60.0)  # least and greatest pause while the API server is away
_MESSAGE_MAX = 1024  # characters (API reference, Event v1)
_POD_MAX = 200  # of the pod's name in the Event's own, which has 253

EventType = Literal["Normal", "Warning"]


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod that Events are about."""

    name: str
    namespace: str
    uid: str = ""  # without it `kubectl get events` shows them, but `kubectl describe pod` does not
    machine: str = ""


class EventWriter:
    """Writes Events one after another, beside everything else that goes on: `write` never waits and never fails.

    Args:
        post: writes one; raises ApiError.
        pod: what is known of the pod when an Event is sent.
    """

    def __init__(self, post: Callable[[dict[str, Any]], Awaitable[None]], pod: Callable[[], Pod]) -> None:
        self._post = post
        self._pod = pod
        self._queue: asyncio.Queue[tuple[float, dict[str, Any]]] = asyncio.Queue(QUEUE_MAX)
        self._tokens = float(BURST)
        self._counted_at = time.monotonic()
        self._said = ""
        self.written = 0
        self.dropped = 0

    def write(self, reason: str, message: str, type: EventType = "Normal") -> None:
        """Queue an Event; of too many, the oldest goes.

        Args:
            reason: in UpperCamelCase, for machines.
            message: a sentence, for people.
            type: Warning where somebody should look.
        """
        if self._queue.full():
            self._queue.get_nowait()
            self._done(dropped=True)
        when = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told = {"reason": reason, "message": message[:_MESSAGE_MAX], "type": type}
        self._queue.put_nowait(
            (time.monotonic(), told | {"firstTimestamp": when, "lastTimestamp": when, "count": 1})
        )

    async def run(self) -> None:
        """Send what is queued until cancelled."""
        while True:
            at, told = await self._queue.get()
            await asyncio.sleep(self._wait_s())
            self._done(dropped=not await self._send(at, told))

    async def flush(self, within_s: float) -> None:
        """Wait until all is sent or dropped, but no longer than this."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), within_s)

    def _done(self, *, dropped: bool) -> None:
        self._queue.task_done()
        self.dropped += dropped
        self.written += not dropped

    def _wait_s(self) -> float:
        """Take one from the allowance; how long to wait until it is there."""
        now = time.monotonic()
        self._tokens = min(float(BURST), self._tokens + (now - self._counted_at) / EVERY_S) - 1
        self._counted_at = now
        return max(0.0, -self._tokens) * EVERY_S

    async def _send(self, at: float, told: dict[str, Any]) -> bool:
        """Try until it is written, refused for good, or too old; whether it was written."""
        backoff = Backoff(*RETRY_S)
        while time.monotonic() - at < AGE_MAX_S:
            try:
                await self._post(self._event(told))
            except ApiError as error:
                self._say(error)
                if 400 <= error.status < 500 and error.status != 429:  # asking again changes nothing
                    return False
                await asyncio.sleep(backoff.pause_s())
            else:
                self._said = ""
                return True
        return False

    def _say(self, error: ApiError) -> None:
        hint = "; grant the service account create on events" if error.denied else ""
        if (text := f"an Event on the pod was not written{hint} ({error})") != self._said:
            log.warning("kubernetes: %s", text)
            self._said = text

    def _event(self, told: dict[str, Any]) -> dict[str, Any]:
        pod = self._pod()
        about = {"apiVersion": "v1", "kind": "Pod", "name": pod.name, "namespace": pod.namespace}
        return told | {
            "metadata": {
                "name": f"{pod.name[:_POD_MAX]}.{secrets.token_hex(8)}",
                "namespace": pod.namespace,
            },
            "involvedObject": about | ({"uid": pod.uid} if pod.uid else {}),
            "source": {"component": "edge"} | ({"host": pod.machine} if pod.machine else {}),
            "reportingComponent": "edge",
            "reportingInstance": pod.name,
        }
