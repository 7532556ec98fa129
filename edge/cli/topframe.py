"""One frame of `edge top`: a glance at the cluster as lines for a terminal of a given size."""

import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.text import Text

from edge.cli.numbers import in_short
from edge.cli.tables import STYLES, plain_table, printable
from edge.cli.topfigures import EVENTS_MAX, Glance, Head, Row, ordered

_KINDS = STYLES | {
    "joined": "green",
    "refuted": "green",
    "partition": "bold red",
    "island": "yellow",
    "healed": "bold green",
    "monsoon": "magenta",
    "conflict": "bold red",
    "quarantined": "bold red",
    "released": "green",
    "doubted": "yellow",
    "forged": "bold red",
    "flood": "bold red",
    "flood-over": "green",
}
_MODES = {"clear": "green", "watch": "yellow", "monsoon": "bold red", "recovering": "cyan"}
_BLOCKS = " ▏▎▍▌▋▊▉"
_HIGH, _FULL = 0.7, 0.9  # loads from which a bar is yellow, red
_LOSSY = 0.05  # share of lost probes that is told
_DOUBTED = 50  # trust, below which it is told
_LATE_S = 3.0  # a report of a living node that is older deserves a look
_ZONES_SHOWN = 4
_TITLE_MAX = 140  # columns, as all below
_NAME_MAX, _NAME_LEAST, _ZONE_MAX = 22, 8, 14
_HOT_MAX, _HOT_LEAST = 40, 16
_BAR = 8
_NARROW, _WIDE = 54, 67  # all but name and zone, and the hot segment where there is one
_EVENTS_LEAST = 3
_ROWS_LEAST = 3


class Size(NamedTuple):
    """Of the terminal, in characters; without a height all is shown."""

    width: int
    height: int | None


@dataclass(frozen=True, slots=True)
class Silence:
    """A node that does not answer."""

    url: str
    since: float  # its last answer, or the first question, seconds since 1970
    reason: str


def frame(found: Glance, sort: str, size: Size, silence: Silence | None = None) -> RenderableType:
    """Head, nodes in the order of `sort`, and last events; never higher than the terminal, if it has ten lines."""
    head = _head(found, silence, sort, size.width)
    rows = ordered(found.rows, sort)
    room, events_room = _rooms(size.height, len(head), len(rows), len(found.events))
    shown = rows[:room]
    lines: list[RenderableType] = [*head, Text(), _nodes(shown, found.rows, size.width)]
    if more := rows[room:]:
        lines.append(_more(more))
    if events_room > 0 and found.events:
        lines += [Text(), *(_event(one) for one in found.events[-events_room:])]
    return Group(*lines)


def _rooms(height: int | None, head: int, rows: int, events: int) -> tuple[int, int]:
    """How many nodes, and how many events, have room."""
    if height is None:
        return rows, EVENTS_MAX
    free = height - head - 2  # an empty line, and the names of the columns
    least = min(events, max(_EVENTS_LEAST, free // 4)) + 1 if events else 0  # with the empty line before them
    room = max(free - least, _ROWS_LEAST)
    if rows > room:
        return room - 1, least - 1  # one line says how many more there are
    return rows, free - rows - 1


def _head(found: Glance, silence: Silence | None, sort: str, width: int) -> list[Text]:
    head = found.head
    lines = [_title(head, sort, width), _count(found), _traffic(head)]
    if head.cut:
        lines.append(_line(Text(_cut_in_words(head), "bold white on red")))
    if head.mode != "clear":
        lines.append(_line(Text(f"{head.mode}, level {head.level}: {printable(head.reason)}", "magenta")))
    if silence:
        lines.append(_line(Text(_silence_in_words(silence), "bold white on red")))
    return lines


def _title(head: Head, sort: str, width: int) -> Text:
    left = Text.assemble(
        ("edge top ", "dim"), (printable(head.cluster), "bold"), f" as {printable(head.node)} sees it"
    )
    right = f"by {sort}   up {in_words(head.uptime_s)}   {time.strftime('%H:%M:%S')}"
    return _line(left.append(right.rjust(max(len(right) + 2, min(width, _TITLE_MAX) - len(left))), "dim"))


def _count(found: Glance) -> Text:
    head = found.head
    count = sum(head.statuses.values())
    line = Text.assemble((str(count), "bold"), " node: " if count == 1 else " nodes: ")
    line.append_text(_standing(head.statuses))
    line.append("   mode ").append(f"{head.mode} {head.level}", _MODES.get(head.mode, ""))
    if not head.cut:
        line.append("   no cut", "dim")
    if found.hot:
        line.append("   hottest ", "dim").append(printable(found.hot[0]["path"]))
    return _line(line)


def _traffic(head: Head) -> Text:
    line = Text.assemble((in_short(head.streams), "bold"), f" of {in_short(head.capacity)} viewers (")
    line.append(f"{head.ratio:.0%}", _heat(head.ratio)).append(
        f")   {head.mbps:.1f} Mb/s   {head.rps} requests/s"
    )
    if head.hit_ratio is not None:
        line.append(f"   hits {head.hit_ratio:.0%} here")
    return _line(line)


def _cut_in_words(head: Head) -> str:
    cut = head.cut or {}
    zones = [f"{printable(zone) or 'no zone'} {count}" for zone, count in cut["lost_zones"].items()]
    lost = ", ".join(zones[:_ZONES_SHOWN])
    if (rest := len(zones) - _ZONES_SHOWN) > 0:
        lost += f" and {rest} more {'zone' if rest == 1 else 'zones'}"
    which = "still loses nodes"
    if cut["settled"]:
        which = "is the majority" if cut["majority"] else "is not the majority"
    reached = f"{len(cut['island'])} of {sum(head.statuses.values())} nodes"
    return f" Cut since {in_words(cut['age_s'])}: this side, {reached}, {which}; lost: {lost}; {printable(cut['id'])} "


def _silence_in_words(silence: Silence) -> str:
    clock, past = time.localtime(silence.since), in_words(max(0.0, time.time() - silence.since))
    since = f"since {time.strftime('%H:%M:%S', clock)}, {past}"
    return f" No answer from {silence.url} {since} ({printable(silence.reason)}); it is asked on "


def _nodes(shown: list[Row], rows: tuple[Row, ...], width: int) -> RenderableType:
    """A row a node. In a narrow terminal hot segment and Mb/s are left out, and names are cut."""
    zone = min(_ZONE_MAX, max([4, *(len(one.zone) for one in rows)]))
    name = min(_NAME_MAX, max([4, *(len(one.name) for one in rows)]))
    hot = min(_HOT_MAX, width - name - zone - _WIDE)
    wide, bar = (True, _BAR + 4) if hot >= _HOT_LEAST else (False, _BAR)
    name = name if wide else max(_NAME_LEAST, min(name, width - zone - _NARROW))
    table = plain_table()
    for title, least in (("NAME", name), ("ZONE", zone), ("STATUS", 11), ("LOAD", bar + 5)):
        table.add_column(title, no_wrap=True, width=least)
    for title, least in (("VIEWERS", 7), ("LVL", 3), ("AGE", 5), ("RTT", 8)):
        table.add_column(title, justify="right", no_wrap=True, width=least)
    if wide:
        table.add_column("MBIT/S", justify="right", no_wrap=True, width=7)
        table.add_column("HOT SEGMENT", no_wrap=True, width=hot)
    for row in shown:
        table.add_row(*_cells(row, bar)[: len(table.columns)], style=_row_style(row))
    return table


def _row_style(row: Row) -> str:
    return "bold" if row.asked else "" if row.status == "alive" else "dim"


def _cells(row: Row, bar: int) -> list[Text]:
    level = "–" if row.level is None else str(row.level)
    late = row.status == "alive" and (row.age_s or 0.0) > _LATE_S
    return [
        Text(printable(row.name)),
        Text(printable(row.zone) or "–"),
        _status(row),
        _load(row, bar),
        Text("–" if row.streams is None else str(row.streams)),
        Text(level, "magenta" if row.level else ""),
        Text("–" if row.age_s is None else _short(row.age_s), "yellow" if late else ""),
        _way(row),
        Text("–" if row.mbps is None else f"{row.mbps:.1f}"),
        Text(printable(row.hot) or "–"),
    ]


def _status(row: Row) -> Text:
    """Or, of one who is there, how little it is believed."""
    if row.cut or row.status != "alive":
        return Text("cut off" if row.cut else row.status, STYLES[row.status])
    if row.shunned:
        return Text("shunned", "bold red")
    return (
        Text(f"trust {row.trust}", "yellow") if row.trust < _DOUBTED else Text(row.status, STYLES[row.status])
    )


def _load(row: Row, width: int) -> Text:
    if row.ratio is None:
        return Text("–".rjust(width + 5))
    eighths = round(8 * width * min(1.0, row.ratio))
    drawn = ("█" * (eighths // 8) + _BLOCKS[eighths % 8].strip()).ljust(width, "·")
    return Text.assemble((drawn, _heat(row.ratio)), f"{row.ratio:>5.0%}" if row.ratio < 10 else " >999")


def _way(row: Row) -> Text:
    """How far it is, or how many probes get lost on the way."""
    if row.asked:
        return Text("asked", "dim")
    if row.rtt_ms is None:
        return Text("–")
    return Text(f"{row.loss:.0%} lost", "yellow") if row.loss > _LOSSY else Text(f"{row.rtt_ms:.1f} ms")


def _more(rows: list[Row]) -> Text:
    """How many are not shown, and how they stand."""
    told = {status: sum(one.status == status for one in rows) for status in STYLES}
    return _line(Text.assemble((f"… {len(rows)} more: ", "dim")).append_text(_standing(told)))


def _standing(counts: dict[str, int]) -> Text:
    parts = [Text(f"{count} {status}", STYLES[status]) for status, count in counts.items() if count]
    return Text(", ").join(parts)


def _event(event: dict[str, Any]) -> Text:
    when = time.strftime("%H:%M:%S", time.localtime(event["time"]))
    kind = Text(f"{printable(event['kind']):<12}", _KINDS.get(event["kind"], "cyan"))
    return _line(Text.assemble((f"{when} ", "dim"), kind, f" {printable(event['text'])}"))


def _heat(ratio: float) -> str:
    return "red" if ratio >= _FULL else "yellow" if ratio >= _HIGH else "green"


def _line(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def _short(seconds: float) -> str:
    for unit, size in (("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:.0f}{unit}"
    return f"{seconds:.1f}s" if seconds < 10 else f"{seconds:.0f}s"


def in_words(seconds: float) -> str:
    """Seconds as people say them: 12 s, 3 min 5 s, 2 h 4 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
