"""Keys that are pressed while a command runs, one by one, without Enter."""

import asyncio
import contextlib
import os
import sys
import termios
import tty
from collections.abc import Callable, Iterator

_READ_BYTES = 64


@contextlib.contextmanager
def pressed(told: Callable[[str], None]) -> Iterator[None]:
    """Tell each key to `told`; afterwards the terminal is as before. Without a terminal nothing is told.

    Ctrl-C stays a signal.
    """
    if not sys.stdin.isatty():
        yield
        return
    loop, fd = asyncio.get_running_loop(), sys.stdin.fileno()

    def read() -> None:
        found = os.read(fd, _READ_BYTES)
        if not found:  # the terminal is gone
            loop.remove_reader(fd)
        for key in found.decode("ascii", "ignore"):
            told(key)

    before = termios.tcgetattr(fd)
    tty.setcbreak(fd)
    loop.add_reader(fd, read)
    try:
        yield
    finally:
        loop.remove_reader(fd)
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
