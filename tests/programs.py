"""Programs of the tests' own, each a process of its own."""

import asyncio
import os
from pathlib import Path

TESTS = Path(__file__).resolve().parent


async def output_of(*command: str, within_s: float = 50) -> str:
    """What a program prints; its errors, and more time than that, fail the test."""
    environment = {**os.environ, "PYTHONPATH": f"{TESTS}:{TESTS.parent}"}
    started = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(within_s):
            out, errors = await started.communicate()
    finally:
        if started.returncode is None:
            started.kill()
            await started.wait()
    assert started.returncode == 0, errors.decode()
    return out.decode()
