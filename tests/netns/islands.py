"""What nodes say of a partition: in their view while it lasts, in their log when it is declared and when it is over."""

import asyncio
import time

from netns.cities import Cities, Happening
from netns.places import HOSTS, Host, Hosts

DECLARED, CLOSED = "partition", "healed"  # kinds of events
_LOOK_EVERY_S = 0.2


def told(cities: Cities, kind: str, by: Hosts = HOSTS) -> list[Happening]:
    """The first event of this kind at each of these, where there is one; in order of time."""
    first: dict[str, Happening] = {}
    for one in cities.story(by, by):
        if one.kind == kind:
            first.setdefault(one.by, one)
    return list(first.values())


async def told_by_all(cities: Cities, kind: str, within_s: float) -> float:
    """Wait until every node has had such an event; when the last had its first, seconds since 1970."""
    began = time.monotonic()
    while len(found := told(cities, kind)) < len(HOSTS):
        silent = {one.name for one in HOSTS} - {one.by for one in found}
        assert time.monotonic() - began < within_s, f"no event {kind} at {sorted(silent)}"
        await asyncio.sleep(_LOOK_EVERY_S)
    return found[-1].at


async def seen(cities: Cities, island: Hosts, lost: Hosts, within_s: float) -> float:
    """Wait until each of an island shows in its view who is in it and who is lost; how long that took, in seconds."""

    async def shown(at: Host) -> tuple[list[str], list[str], bool] | None:
        held = (await cities.get(at, "/v1/view"))["partition"]
        return (held["island"], held["lost"], held["majority"]) if held else None

    wanted = (_names(island), _names(lost), len(island) > len(lost))
    return await cities.all_say(wanted, shown, island, within_s)


async def unseen(cities: Cities, within_s: float, among: Hosts = HOSTS) -> float:
    """Wait until none of these shows a partition; how long that took, in seconds."""

    async def shown(at: Host) -> bool:
        return (await cities.get(at, "/v1/view"))["partition"] is not None

    return await cities.all_say(False, shown, among, within_s)


def _names(hosts: Hosts) -> list[str]:
    return sorted(one.name for one in hosts)
