"""Runs in a pod beside a release: says, as JSON lines, what every node sees, what happened, and where viewers are sent.

It asks the pods themselves, so it goes on where the API server does not. Each line has `t`, seconds since 1970, and
`kind`:

sees     what a pod holds of all members: after each change, and every two seconds
event    something that a pod heard of: joined, suspect, left …; `when` it did
routed   whom a pod named to viewers since the last such line, and when each of them last
gone     a pod no longer answers; `last` it did
"""

import asyncio
import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

HEADLESS, ADMIN_PORT = os.environ["OBSERVE_HEADLESS"], int(os.environ["OBSERVE_ADMIN_PORT"])
TOKEN = Path(os.environ["OBSERVE_TOKEN_FILE"]).read_text().strip()
RESOLVE_S = 0.5
LOOK_S = 0.25
EVENTS_EVERY = 4  # looks
REPEAT_S = 2.0
ASK_S = 0.1
ROUTED_S = 0.5
ANSWER_S = 1.0
GIVEN_UP_S = 20.0  # an address that is silent this long and not listed any more
_TROUBLES = (aiohttp.ClientError, OSError, ValueError, KeyError)  # OSError: timeouts too


def say(kind: str, **what: Any) -> None:
    """One line."""
    sys.stdout.write(json.dumps({"t": round(time.time(), 3), "kind": kind, **what}) + "\n")
    sys.stdout.flush()


class Node:
    """One pod, by its address."""

    def __init__(self, address: str, http: aiohttp.ClientSession) -> None:
        self.address = address
        self.answered = 0.0  # when it last did
        self._began = time.time()
        self._admin = f"http://{address}:{ADMIN_PORT}"
        self._http = http
        self._pod = self._public = ""
        self._said: dict[str, Any] = {}
        self._said_at = 0.0
        self._events: tuple[int, int] = (0, 0)  # incarnation of the process, number of its last event

    @property
    def silent_s(self) -> float:
        """How long it has not answered."""
        return time.time() - max(self._began, self.answered)

    async def follow(self) -> None:
        """Look at it and ask it, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look())
            tasks.create_task(self._ask())

    async def _look(self) -> None:
        looks, here = 0, False
        while True:
            try:
                await self._see(with_events=looks % EVENTS_EVERY == 0)
            except _TROUBLES as error:
                if here:
                    say("gone", pod=self._pod, at=self.address, last=self.answered, error=repr(error))
                here = False
            else:
                self.answered, here = time.time(), True
            looks += 1
            await asyncio.sleep(LOOK_S)

    async def _see(self, *, with_events: bool) -> None:
        async with self._http.get(f"{self._admin}/readyz") as answer:
            ready = answer.status == 200
        async with self._http.get(f"{self._admin}/v1/{'view' if with_events else 'members'}") as answer:
            view = await answer.json()
        members = {one["name"]: [one["status"], one["gossip"], one["incarnation"]] for one in view["members"]}
        self._pod = view["self"]
        (own,) = [one for one in view["members"] if one["name"] == self._pod]
        self._public = own["public"]
        sight = {"pod": self._pod, "at": self.address, "ready": ready, "members": members}
        if sight != self._said or time.time() - self._said_at > REPEAT_S:
            say("sees", **sight)
            self._said, self._said_at = sight, time.time()
        if with_events:
            self._tell_events(view["events"], own["incarnation"] >> 16)

    def _tell_events(self, events: list[dict[str, Any]], process: int) -> None:
        last = self._events[1] if self._events[0] == process else 0
        for one in events:
            if one["id"] > last:
                what = {"what": one["kind"], "about": one["node"], "text": one["text"], "when": one["time"]}
                say("event", pod=self._pod, at=self.address, **what)
                last = one["id"]
        self._events = (process, last)

    async def _ask(self) -> None:
        """Where does it send viewers of one object after another?"""
        number, to, refused, told = 0, {}, 0, time.time()
        while True:
            await asyncio.sleep(ASK_S)
            if self._public:
                number += 1
                try:
                    chosen = await self._chosen(f"/e2e/{number}/main.m3u8")
                    to[chosen] = round(time.time(), 3)
                except _TROUBLES:
                    refused += 1
            if time.time() - told > ROUTED_S and (to or refused):
                say("routed", pod=self._pod, at=self.address, to=to, refused=refused)
                to, refused, told = {}, 0, time.time()

    async def _chosen(self, path: str) -> str:
        """Address of the node that is named, without the scheme."""
        url = f"{self._public}/v1/route?path={path}"
        async with self._http.get(url, allow_redirects=False) as answer:
            return str(answer.headers["Location"]).removeprefix("http://").partition("/")[0]


async def listed() -> set[str]:
    """Addresses of all pods, ready or not."""
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(HEADLESS, ADMIN_PORT, type=socket.SOCK_STREAM)
    except OSError:
        return set()
    return {f"[{one[4][0]}]" if one[0] is socket.AF_INET6 else str(one[4][0]) for one in found}


async def main() -> None:
    """Follow every pod for as long as it is listed or answers."""
    timeout = aiohttp.ClientTimeout(total=ANSWER_S)
    headers = {"Authorization": f"Bearer {TOKEN}"}
    async with aiohttp.ClientSession(timeout=timeout, headers=headers) as http, asyncio.TaskGroup() as tasks:
        nodes: dict[str, tuple[Node, asyncio.Task[None]]] = {}
        while True:
            now = await listed()
            for address in sorted(now - nodes.keys()):
                node = Node(address, http)
                nodes[address] = (node, tasks.create_task(node.follow()))
            for address in [one for one, (node, _) in nodes.items() if node.silent_s > GIVEN_UP_S]:
                if address not in now:
                    nodes.pop(address)[1].cancel()
            await asyncio.sleep(RESOLVE_S)


if __name__ == "__main__":
    asyncio.run(main())
