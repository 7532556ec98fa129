"""`kubectl` and `helm`, as a person types them, and waiting for what they show."""

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any, TypeVar

Object = dict[str, Any]
Found = TypeVar("Found")

ANSWER_S = 60.0
LOOK_EVERY_S = 0.5


class CommandError(AssertionError):
    """A program ended with an error, or took too long."""


def run(*command: str, stdin: str | None = None, within_s: float = ANSWER_S) -> str:
    """What a program prints.

    Raises:
        CommandError: it failed, with all that it said.
    """
    try:
        done = subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=within_s, check=False
        )
    except subprocess.TimeoutExpired:
        raise CommandError(f"{' '.join(command)}: no end after {within_s:.0f} s") from None
    if done.returncode:
        raise CommandError(f"{' '.join(command)}: status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def kubectl(*words: str, stdin: str | None = None, within_s: float = ANSWER_S) -> str:
    """What `kubectl` prints."""
    return run("kubectl", *words, stdin=stdin, within_s=within_s)


def helm(*words: str, stdin: str | None = None, within_s: float = ANSWER_S) -> str:
    """What `helm` prints."""
    return run("helm", *words, stdin=stdin, within_s=within_s)


def get(kind: str, *words: str) -> list[Object]:
    """The objects of a kind; `words` say where and which."""
    found: list[Object] = json.loads(kubectl("get", kind, "-o", "json", *words))["items"]
    return found


def apply(*objects: Object) -> None:
    """Make these objects, or make them so."""
    kubectl("apply", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def until(look: Callable[[], Found], within_s: float, what: str) -> Found:
    """What `look` finds, as soon as that is true. A command that fails meanwhile is a look that found nothing.

    Raises:
        AssertionError: the time is over; says `what` was waited for, and what was seen last.
    """
    deadline = time.monotonic() + within_s
    seen: object = None
    while True:
        try:
            found = look()
        except CommandError as error:
            seen = error
        else:
            if found:
                return found
            seen = found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s:.0f} s: {what}; seen last: {seen}")
        time.sleep(LOOK_EVERY_S)
