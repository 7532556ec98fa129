"""Numbers as people write them at the command line."""

import re

import click

_SIZES = {"": 1, "k": 1_000, "m": 1_000_000, "g": 1_000_000_000}
_NUMBER = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)([kmg]?)", re.ASCII)
STREAMS_MAX = 10**10


def streams(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """How many viewers, written as 2500000, 2.5M, 800K or 1G; for click's options."""
    if value is None:
        return None
    found = _NUMBER.fullmatch(value.strip().replace("_", "").lower())
    if found is None:
        raise click.BadParameter(f"{value!r} is no number; write e.g. 25M, 1.1M or 800K", ctx, param)
    size = float(found[1]) * _SIZES[found[2]]
    if size > STREAMS_MAX:
        raise click.BadParameter(f"{value!r} is more than there are people; write e.g. 25M", ctx, param)
    return round(size)


def zone_shares(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[str, float]:
    """Shares of viewers by zone, each written as mumbai=0.28 or mumbai=28%; for click's options."""
    found = {}
    for value in values:
        zone, separator, text = value.partition("=")
        number = text.removesuffix("%")
        try:
            share = float(number) / (100 if number != text else 1)
        except ValueError:
            share = -1.0
        if not (zone and separator and 0 < share <= 1):
            hint = "write a zone and its share of the viewers, e.g. mumbai=0.28 or mumbai=28%"
            raise click.BadParameter(f"{value!r} is no share; {hint}", ctx, param)
        found[zone] = share
    return found


def in_short(count: float) -> str:
    """A number of viewers as people say it: 25M, 1.1M, 800K, 120."""
    for size, letter in ((1e6, "M"), (1e3, "K")):
        if abs(count) >= size:
            return f"{round(count / size, 1):g}{letter}"
    return f"{count:g}"
