"""Looks at the processes of a cluster every few seconds, as Prometheus and the kernel see them."""

import csv
import time
from pathlib import Path

import aiohttp
import psutil
from prometheus_client.parser import text_string_to_metric_families

from loadtest.drive.local import Cluster, Program
from loadtest.soak.verdict import Sample

FILE = "samples.csv"
METRICS = (  # what could explain a rise
    "edge_cache_stored_bytes",
    "edge_cache_stored_objects",
    "edge_gossip_durable_events",
    "edge_gossip_sessions",
    "edge_members",
    "edge_streams",
)
_ORIGIN = "origin"
_HEAD = ("at_s", "node", "life", "own_bytes", "pss_bytes", "rss_bytes", "files", "cpu_s", *METRICS)


class Watch:
    """Takes samples, keeps them, and writes each line at once.

    Args:
        cluster: whose processes.
        http: to ask their metrics.
        path: of the file of samples.
    """

    def __init__(self, cluster: Cluster, http: aiohttp.ClientSession, path: Path) -> None:
        self.samples: list[Sample] = []
        self.silent = 0  # questions for metrics that found no answer
        self._cluster, self._http, self._path = cluster, http, path
        self._pids: dict[str, int] = {}
        self._lives: dict[str, int] = {}
        self._began = time.monotonic()

    def begin(self) -> None:
        """Begin the file; the clock of the samples starts."""
        with self._path.open("w", newline="") as file:
            csv.writer(file).writerow(_HEAD)
        self._began = time.monotonic()

    async def look(self) -> None:
        """One sample of each process that runs."""
        found = []
        for pod in self._cluster.pods:
            if sample := self._sample(pod.name, pod.programs[-1], await self._metrics(pod.admin)):
                found.append(sample)
        if sample := self._sample(_ORIGIN, self._cluster.origin, {}):
            found.append(sample)
        self.samples += found
        with self._path.open("a", newline="") as file:
            csv.writer(file).writerows(_row(one) for one in found)

    def _sample(self, name: str, program: Program, metrics: dict[str, float]) -> Sample | None:
        """None of one that has just been killed."""
        try:
            process = psutil.Process(program.pid)
            with process.oneshot():
                memory, cpu, files = process.memory_full_info(), process.cpu_times(), process.num_fds()
        except psutil.Error:
            return None
        if not memory.uss:  # it has ended, and nobody has asked how
            return None
        if self._pids.setdefault(name, program.pid) != program.pid:
            self._pids[name] = program.pid
            self._lives[name] = self._lives.get(name, 0) + 1
        at_s, life = time.monotonic() - self._began, self._lives.get(name, 0)
        cpu_s = cpu.user + cpu.system
        return Sample(at_s, name, life, memory.uss, memory.pss, memory.rss, files, cpu_s, metrics)

    async def _metrics(self, admin: str) -> dict[str, float]:
        try:
            async with self._http.get(f"{admin}/metrics") as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError, OSError):
            self.silent += 1
            return {}
        found = dict.fromkeys(METRICS, 0.0)
        for family in text_string_to_metric_families(text):
            for one in family.samples:
                if one.name in found:
                    found[one.name] += one.value
        return found


def _row(one: Sample) -> list[object]:
    memory = one.own_bytes, one.pss_bytes, one.rss_bytes
    figures = (one.metrics.get(name, "") for name in METRICS)
    return [round(one.at_s, 1), one.node, one.life, *memory, one.files, round(one.cpu_s, 2), *figures]
