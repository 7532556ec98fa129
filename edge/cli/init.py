"""What falls to process 1 of a container."""

import os
import signal
from types import FrameType

TERMINATED = 128 + signal.SIGTERM  # exit status, as a shell would report it


def act_as_init() -> None:
    """Heed SIGTERM from now on and leave no zombies, where this is process 1; else change nothing.

    The kernel drops a signal for which process 1 has no handler (pid_namespaces(7)), so a SIGTERM during the imports
    would be lost, and the pod would hang until it is killed. Nothing is started then, so nothing is left to end.

    Orphans, such as `kubectl exec` may leave, become children of process 1. The kernel reaps them itself for a
    parent that ignores SIGCHLD (sigaction(2)); uvloop would refuse a handler. So this is only for a command that
    waits for no children of its own.
    """
    if os.getpid() == 1:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001  (the signature of a handler)
    os._exit(TERMINATED)
