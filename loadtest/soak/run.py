"""A soak from beginning to end."""

import asyncio
import base64
import random
import secrets
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from edge.demo.viewers import ViewerCounts, ViewerSettings, run_viewers
from edge.model import ConfigError
from edge.wire.keys import KEY_BYTES
from loadtest import processes
from loadtest.drive import local
from loadtest.soak.trouble import Trouble
from loadtest.soak.verdict import RISE_BYTES, RISE_FILES, RISE_SHARE, judge, told, warm_up_s
from loadtest.soak.watch import FILE, Watch

_MEMORY_BYTES = 4 << 20  # small, so that both tiers are full within the warm-up
_DISK_BYTES = 8 << 20
_TIMEOUT = aiohttp.ClientTimeout(total=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What may be set about a soak."""

    length_s: float
    folder: Path  # of what is written
    nodes: int = 6
    viewers: int = 24
    every_s: float = 10.0  # between samples
    key: bool = True  # gossip is sealed with a key of the cluster's own
    seed: int = 1


Show = Callable[[float, Watch], None]


async def soak(setting: Setting, stop: asyncio.Event, show: Show) -> dict[str, Any]:
    """Run it, or until `stop`; `show` hears of each look. What was started ends in any case.

    Raises:
        ConfigError: nodes cannot be started, or do not find each other.
    """
    setting.folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        own = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="soak-")))
        size = setting.nodes, "embedded", setting.viewers, local.DRAIN_S
        cluster = stack.enter_context(local.cluster(*size, _settings(own, setting)))
        try:
            async with processes.client() as http:
                await processes.whole(http, cluster.pods)
        except TimeoutError as error:
            raise ConfigError("--nodes", str(error), "take fewer, or a machine with more cores") from None
        return await _watched(setting, cluster, stop, show)


def _settings(folder: Path, setting: Setting) -> dict[str, str]:
    given = {
        "cache.memory_bytes": str(_MEMORY_BYTES),
        "cache.disk_path": "{folder}/cache",
        "cache.disk_max_bytes": str(_DISK_BYTES),
    }
    if not setting.key:
        return given
    keys = folder / "keys"
    keys.touch(mode=0o600)
    keys.write_text(base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
    return given | {"gossip.keys_file": str(keys)}


async def _watched(
    setting: Setting, cluster: local.Cluster, stop: asyncio.Event, show: Show
) -> dict[str, Any]:
    leave = asyncio.Event()
    viewers = ViewerSettings(
        nodes=tuple((one.zone, one.public) for one in cluster.pods),
        viewers=setting.viewers,
        seed=setting.seed,
        shares=dict(cluster.zones),
    )
    async with aiohttp.ClientSession(timeout=_TIMEOUT) as http:
        trouble = Trouble(cluster, http, random.Random(setting.seed))
        watch = Watch(cluster, http, setting.folder / FILE)
        watching = asyncio.create_task(run_viewers(viewers, leave, lambda _line: None))
        troubling = asyncio.create_task(trouble.run(setting.length_s, warm_up_s(setting.length_s)))
        try:
            took_s = await _looks(setting, stop, watch, show)
        finally:
            leave.set()
            troubling.cancel()
            outcome, counts = await asyncio.gather(troubling, watching, return_exceptions=True)
    if isinstance(outcome, Exception):  # a bug of ours
        raise outcome
    if isinstance(counts, BaseException):
        raise counts
    return _report(setting, took_s, counts, trouble, watch)


async def _looks(setting: Setting, stop: asyncio.Event, watch: Watch, show: Show) -> float:
    """Look again and again; how long it was, seconds."""
    began = time.monotonic()
    watch.begin()
    while (at_s := time.monotonic() - began) < setting.length_s and not stop.is_set():
        await watch.look()
        show(at_s, watch)
        due = min((at_s // setting.every_s + 1) * setting.every_s, setting.length_s)
        try:
            await asyncio.wait_for(stop.wait(), max(0.01, began + due - time.monotonic()))
        except TimeoutError:
            continue
    return time.monotonic() - began


def _report(
    setting: Setting, took_s: float, counts: ViewerCounts, trouble: Trouble, watch: Watch
) -> dict[str, Any]:
    died = sorted(
        pod.name for pod in trouble.cluster.pods if not pod.programs[-1].alive and pod is not trouble.victim
    )
    verdicts = judge(watch.samples, took_s)
    return {
        "kind": "soak",
        "seconds": round(took_s, 1),
        "seed": setting.seed,
        "nodes": setting.nodes,
        "key": setting.key,
        "warm_up_s": warm_up_s(took_s),
        "bound": {"share_h": RISE_SHARE, "bytes_h": RISE_BYTES, "files_h": RISE_FILES},
        "samples": len(watch.samples),
        "silent": watch.silent,
        "viewers": counts,
        "done": dict(sorted(trouble.done.items())),
        "refused": dict(sorted(trouble.refused.items())),
        "died": died,
        "verdicts": told(verdicts),
        "holds": not died and counts.segments > 0 and all(one.flat for one in verdicts),
    }
