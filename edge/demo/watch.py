"""What the demo asks its own origin and nodes over HTTP, and what it makes of the answers."""

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

import aiohttp
import orjson

from edge.demo.cities import City
from edge.demo.ports import HOST, CityPorts

ANSWER_MAX_BYTES = 4 * 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=1)


class Place(NamedTuple):
    """One city of the running demo."""

    city: City
    ports: CityPorts

    @property
    def name(self) -> str:
        """The city's name, which is the node's too."""
        return self.city.name

    @property
    def admin(self) -> str:
        """URL of the admin port."""
        return f"http://{HOST}:{self.ports.admin}"

    @property
    def public(self) -> str:
        """URL of the public port."""
        return f"http://{HOST}:{self.ports.public}"


class Answer(NamedTuple):
    """Status 0: none came."""

    status: int
    body: bytes

    def json(self) -> dict[str, Any]:
        """The object in a good answer; empty in every other case."""
        try:
            found = orjson.loads(self.body) if self.status == 200 else None
        except orjson.JSONDecodeError:
            found = None
        return found if isinstance(found, dict) else {}


def http_session() -> aiohttp.ClientSession:
    """A session that never waits longer than a second."""
    return aiohttp.ClientSession(timeout=_TIMEOUT)


async def ask(session: aiohttp.ClientSession, url: str) -> Answer:
    """GET; a failure is an answer too."""
    try:
        async with session.get(url) as response:
            if (response.content_length or 0) > ANSWER_MAX_BYTES:
                return Answer(0, b"")
            return Answer(response.status, await response.read())
    except (aiohttp.ClientError, TimeoutError, OSError):
        return Answer(0, b"")


async def origin_gap(session: aiohttp.ClientSession, origin: str) -> str:
    """Why the origin is not up yet; empty when it is."""
    url = origin + "/live/main.m3u8"
    status = (await ask(session, url)).status
    if status == 200:
        return ""
    return f"{url} gives no answer" if status == 0 else f"{url} answers {status}"


async def nodes_gap(session: aiohttp.ClientSession, places: Sequence[Place]) -> str:
    """Why the cluster is not whole yet; empty when every node is ready and sees all of them alive."""
    gaps = await asyncio.gather(*(_node_gap(session, place, places) for place in places))
    return "; ".join(gap for gap in gaps if gap)


async def _node_gap(session: aiohttp.ClientSession, place: Place, places: Sequence[Place]) -> str:
    ready = await ask(session, place.admin + "/readyz")
    if ready.status == 0:
        return f"{place.name} gives no answer at {place.admin}"
    if ready.status != 200:
        return f"{place.name} is not ready ({ready.body[:100].decode(errors='replace').strip()})"
    found = (await ask(session, place.admin + "/v1/members")).json().get("members", [])
    alive = {member["name"] for member in found if member["status"] == "alive"}
    unseen = [other.name for other in places if other.name not in alive]
    return f"{place.name} does not see {', '.join(unseen)}" if unseen else ""


async def status_line(places: Sequence[Place], viewers: dict[str, Any]) -> str:
    """The cluster in one line, as the first node that answers sees it, with the viewers' own counts."""
    async with http_session() as session:
        for place in places:
            if view := (await ask(session, place.admin + "/v1/view")).json():
                return _line(view["totals"], viewers)
    return "no node answers"


def _line(totals: dict[str, Any], viewers: dict[str, Any]) -> str:
    line = (
        f"{totals['alive']} of {totals['members']} alive, {totals['streams']} viewers, "
        f"{totals['mbps']:.1f} Mb/s, {totals['rps']} requests/s"
    )
    if viewers:
        line += f"; viewers re-routed {viewers['rerouted']} times, stalled {viewers['stalls']}"
    return line
