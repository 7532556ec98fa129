"""HTML as nested calls: what comes from a user's file is escaped by its type, not by care."""

import html
from collections.abc import Iterable, Sequence
from pathlib import Path

_STYLE = Path(__file__).with_name("style.css")
_EMPTY = frozenset({"meta", "col"})


class Markup(str):
    """Text that is HTML already; all other text is escaped."""

    __slots__ = ()


def tag(element: str, /, *children: str, **attributes: str) -> Markup:
    """An element; `class_` stands for class."""
    told = "".join(f' {key.rstrip("_")}="{html.escape(value)}"' for key, value in attributes.items())
    if element in _EMPTY:
        return Markup(f"<{element}{told}>")
    return Markup(f"<{element}{told}>{join(children)}</{element}>")


def join(children: Iterable[str]) -> Markup:
    """Parts in a row, escaped where they are plain text."""
    return Markup("".join(str(one) if isinstance(one, Markup) else html.escape(str(one)) for one in children))


def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> Markup:
    """A table that can be scrolled where the window is narrow.

    Args:
        head: names of the columns.
        rows: cells.
        right: numbers of the columns that hold numbers.
    """

    def cells(kind: str, row: Sequence[str]) -> Markup:
        parts = [
            tag(kind, cell, **({"class_": "number"} if index in right else {}))
            for index, cell in enumerate(row)
        ]
        return tag("tr", *parts)

    body = [cells("td", row) for row in rows]
    made = tag("table", tag("thead", cells("th", head)), Markup("\n"), tag("tbody", join_lines(body)))
    return tag("div", made, class_="wide")


def join_lines(parts: Iterable[str]) -> Markup:
    """Parts, each on a line of its own."""
    return Markup("\n".join(join([one]) for one in parts))


def document(title: str, body: Iterable[str]) -> str:
    """A whole page; it needs nothing from elsewhere, and says so to the browser."""
    head = join_lines(
        [
            tag("meta", charset="utf-8"),
            tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
            Markup(
                '<meta http-equiv="Content-Security-Policy" '
                "content=\"default-src 'none'; style-src 'unsafe-inline'; img-src data:\">"
            ),
            Markup('<link rel="icon" href="data:,">'),
            tag("title", title),
            tag("style", Markup(_STYLE.read_text("utf-8"))),
        ]
    )
    return (
        f'<!doctype html>\n<html lang="en">\n<head>\n{head}\n</head>\n<body>\n'
        f"{tag('main', join_lines(body))}\n</body>\n</html>\n"
    )
