"""Reading scenario files; what is wrong in one is said with its place and with what would be right."""

import difflib
import re
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, get_args

import msgspec

from edge.demo.cities import CITIES
from edge.model import ConfigError
from loadtest.scenario.events import Event
from loadtest.scenario.faults import Cut, Fault, IspLoss
from loadtest.scenario.figures import FIGURES
from loadtest.scenario.schema import Scenario

FOLDER = Path(__file__).resolve().parent.parent / "scenarios"
_SHARES_OFF = 0.001  # of one, by rounding
_AT = re.compile(r" - at `\$\.?(.*)`$")
_TABLES = {"event": Event, "fault": Fault}
ZONES = tuple(one.name for one in CITIES)
ISPS = tuple(sorted({one.isp for one in CITIES}))


def names() -> list[str]:
    """Of the scenarios that are shipped."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load(name: str) -> Scenario:
    """A shipped scenario by its name, or any by the path of its file.

    Raises:
        ConfigError: there is none, or what is wrong in it.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise ConfigError(
            "scenario", f"no {name}", _closest(name, names()) + "; or give the path of a .toml file"
        )
    return parse(path.read_text("utf-8"), path.name)


def parse(text: str, where: str) -> Scenario:
    """A scenario from its text; `where` is the file's name.

    Raises:
        ConfigError: what is wrong, where, and what would be right.
    """
    try:
        raw = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # of numbers without end, and of what nests without end
        raise ConfigError(
            where, f"no TOML: {error}", "write [section] lines and field = value lines"
        ) from None
    if "name" in raw:
        raise ConfigError(f"{where}: name", "is not written here", "the file's name is the scenario's")
    try:
        scenario = msgspec.convert(raw, Scenario)
    except msgspec.ValidationError as error:
        raise _mistake(str(error), raw, where) from None
    _check(scenario, where)
    return msgspec.structs.replace(scenario, name=where.removesuffix(".toml"))


def _mistake(message: str, raw: dict[str, Any], where: str) -> ConfigError:
    """What msgspec says, with the place as the file has it and a hint."""
    found = _AT.search(message)
    place = found[1] if found else ""
    said = (message[: found.start()] if found else message).replace("`", "")
    table = re.match(r"(event|fault)\[(\d+)\]", place)
    known = ""
    if table:
        entry = raw[table[1]][int(table[2])]
        kinds = {str(one.__struct_config__.tag): one for one in get_args(_TABLES[table[1]])}
        kind = str(entry.get("kind", "")) if isinstance(entry, dict) else ""
        known = f"kinds are {', '.join(kinds)}"
        if kind in kinds:
            known = f"{kind} has {', '.join(kinds[kind].__struct_fields__)}"
        if kind and kind not in kinds:
            return ConfigError(f"{where}: {place}", f"no kind {kind!r}", _closest(kind, kinds))
    elif not place or "[" not in place:
        known = f"a scenario has {', '.join(one for one in Scenario.__struct_fields__ if one != 'name')}"
    hint = known or "loadtest/scenario/schema.py lists the fields and their bounds"
    return ConfigError(f"{where}: {place}" if place else where, said[:1].lower() + said[1:], hint)


def _check(scenario: Scenario, where: str) -> None:
    """Rules between fields."""
    total = sum(one.share for one in scenario.audience.rung)
    if abs(total - 1) > _SHARES_OFF:
        raise ConfigError(f"{where}: audience.rung", f"shares are {total:g} together", "make them 1 together")
    for index, one in enumerate(scenario.event):
        if one.at_s >= scenario.for_s:
            raise ConfigError(
                f"{where}: event[{index}].at_s", f"{one.at_s:g} is after the end", _end(scenario)
            )
        if index and one.at_s < scenario.event[index - 1].at_s:
            raise ConfigError(
                f"{where}: event[{index}].at_s", "is before the event above", "write them in order of time"
            )
    for index, fault in enumerate(scenario.fault):
        if fault.at_s >= scenario.for_s:
            raise ConfigError(
                f"{where}: fault[{index}].at_s", f"{fault.at_s:g} is after the end", _end(scenario)
            )
        _check_places(fault, f"{where}: fault[{index}]")
    for index, wanted in enumerate(scenario.expect):
        if wanted.figure not in FIGURES:
            raise ConfigError(
                f"{where}: expect[{index}].figure", f"no {wanted.figure!r}", _closest(wanted.figure, FIGURES)
            )
    _check_sources(scenario, where)


def _check_places(fault: Fault, where: str) -> None:
    """Zones and providers that there are."""
    if isinstance(fault, Cut):
        zones: tuple[str, ...] = fault.zones
    elif isinstance(fault, IspLoss):
        zones = tuple(fault.zones)
        for isp in fault.losses:
            if isp not in ISPS:
                raise ConfigError(f"{where}.losses", f"no provider {isp!r}", _closest(isp, ISPS))
    else:
        zones = (fault.zone,) if hasattr(fault, "zone") else ()
    for zone in zones:
        if zone not in ZONES:
            raise ConfigError(f"{where}: zone", f"no {zone!r}", _closest(zone, ZONES))


def _check_sources(scenario: Scenario, where: str) -> None:
    known = [one.where for one in scenario.source]
    for index, point in enumerate(scenario.published):
        if point.source not in known:
            raise ConfigError(
                f"{where}: published[{index}].source",
                f"{point.source!r} is none",
                _closest(point.source, known),
            )
        if point.at_s > scenario.for_s:
            raise ConfigError(
                f"{where}: published[{index}].at_s", f"{point.at_s:g} is after the end", _end(scenario)
            )


def _end(scenario: Scenario) -> str:
    return f"the scenario ends at for_s = {scenario.for_s:g}"


def _closest(name: str, known: Iterable[str]) -> str:
    every = sorted(known)
    near = difflib.get_close_matches(name, every, n=1)
    return f"did you mean {near[0]}?" if near else f"known are {', '.join(every)}"
