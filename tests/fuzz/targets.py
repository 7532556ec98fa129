"""All targets, by name."""

from fuzz import media, ports, texts, wire
from fuzz.target import Target

TARGETS: dict[str, Target] = {
    one.name: one for one in (*wire.TARGETS, *media.TARGETS, *texts.TARGETS, *ports.TARGETS)
}
