"""Follows a Service's EndpointSlices for ever: list, watch from there, and list again when the version has expired."""

import asyncio
import logging
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Protocol

from edge.model import Address
from edge.shell.kube.backoff import Backoff
from edge.shell.kube.picture import PORT_NAME, Picture
from edge.shell.kube.resources import (
    ApiError,
    Change,
    EndpointSlice,
    Named,
    SliceList,
    UnreadableError,
    failure,
    read,
)

log = logging.getLogger(__name__)

WATCH_S = 240.0  # ± 10%, then the watch is renewed
LASTED_S = 10.0  # a watch that lasted this long was a good one
DENIED_S = 60.0  # first pause where the service account lacks the role; a role is given by hand
REASONS = ("denied", "expired", "failed", "unreachable", "unreadable")  # by which errors are counted
_LEAST_S = 0.5
_MOST_S = 60.0


class Slices(Protocol):
    """What is asked of the API server (`edge.shell.kube.api.Api`)."""

    async def slices(self, service: str) -> SliceList:
        """All of a Service's slices."""

    def watch(self, service: str, version: str, seconds: int) -> AsyncGenerator[Change]:
        """What changes after `version`."""


class Watch:
    """Keeps a picture of the Service true for as long as the API server lets it, and as it was while it does not.

    Args:
        api: the API server.
        service: the headless Service's name.
        picture: kept true.
        changed: called after every change with the addresses that are no longer listed.
    """

    def __init__(
        self, api: Slices, service: str, picture: Picture, changed: Callable[[list[Address]], None]
    ) -> None:
        self._api = api
        self._service = service
        self._picture = picture
        self._changed = changed
        self._version = ""  # none: list first
        self._said = ""
        self._well = False  # the present watch has brought something
        self._backoff = Backoff(_LEAST_S, _MOST_S)
        self._denied = Backoff(DENIED_S, 5 * DENIED_S)
        self.lists = 0
        self.watches = 0
        self.errors: Counter[str] = Counter()
        self.denied = False
        self.progress = asyncio.Event()  # set by every change and every failure

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            begun, self._well = time.monotonic(), False
            try:
                await self._follow()
            except ApiError as error:
                pause_s = self._failed(error)
            else:
                pause_s = self._backoff.pause_s()  # for a server that ends every watch at once
            if self._well and time.monotonic() - begun > LASTED_S:
                self._backoff.reset()
            await asyncio.sleep(pause_s)

    async def _follow(self) -> None:
        """One list, if need be, and one watch to its end."""
        if not self._version:
            listed = await self._api.slices(self._service)
            self.lists += 1
            self._take(listed.metadata.resource_version, self._picture.replace(listed.items or ()))
        self.watches += 1
        seconds = round(random.uniform(0.9, 1.1) * WATCH_S)
        async with aclosing(self._api.watch(self._service, self._version, seconds)) as changes:
            async for change in changes:
                self._apply(change)
                self._works()
        self._works()

    def _apply(self, change: Change) -> None:
        match change.type:
            case "ERROR":
                raise failure(500, change.object)
            case "BOOKMARK":
                self._version = read(change.object, Named).metadata.resource_version
            case "DELETED":
                metadata = read(change.object, Named).metadata
                self._take(metadata.resource_version, self._picture.drop(metadata.name))
            case "ADDED" | "MODIFIED":
                one = read(change.object, EndpointSlice)
                self._take(one.metadata.resource_version, self._picture.put(one))

    def _take(self, version: str, gone: list[Address]) -> None:
        self._version = version
        if self._picture.nameless:
            self._say(f"no port of Service {self._service} is named {PORT_NAME}; it gives no seeds")
        self._changed(gone)
        self.progress.set()

    def _failed(self, error: ApiError) -> float:
        """Count it, say it once, and decide how long to wait; after all but silence, list again."""
        self.denied = error.denied
        self.progress.set()
        if isinstance(error, UnreadableError) or error.status:
            self._version = ""
        if error.expired:
            self.errors["expired"] += 1
        elif error.denied:
            self.errors["denied"] += 1
            self._say(
                f"the service account may not list and watch endpointslices.discovery.k8s.io ({error}); "
                "seeds come from DNS alone until a Role grants it"
            )
            return self._denied.pause_s()
        else:
            silent = "unreadable" if isinstance(error, UnreadableError) else "unreachable"
            self.errors["failed" if error.status else silent] += 1
            self._say(f"EndpointSlices cannot be watched ({error}); trying on")
        return self._backoff.pause_s()

    def _say(self, text: str) -> None:
        if text != self._said:
            log.warning("kubernetes: %s", text)
            self._said = text

    def _works(self) -> None:
        if self._said and not self._picture.nameless:
            log.info("kubernetes: EndpointSlices of Service %s are watched again", self._service)
            self._said = ""
        self._well = True
        self.denied = False
        self._denied.reset()
