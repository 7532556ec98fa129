"""Kills a cache with SIGKILL at random moments and looks, each time, at what the next one finds; run as a program.

python crash.py FOLDER KILLS SEED: each life is a forked process that puts objects, purges, and says on a pipe what it
begins and what is done. The next life first tells all it has. The last line printed is a summary in JSON.

| said | means |
| --- | --- |
| `put K N` | version N of key K was put; versions rise |
| `done K N` | its file has its name |
| `purge P N` | purge number P of `PURGES` was asked for, after version N |
| `record P N` | that is on record |
| `ready T` | the start took T seconds |
| `have K N S` | version N of K is whole; S is 1 where it is stale |
"""

import asyncio
import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from functools import partial

from edge.cache.counters import CacheCounters
from edge.cache.disk.entry import Entry
from edge.cache.disk.tier import DiskTier
from edge.cache.objects import CachedObject, Lifetime
from edge.cache.purge import Purge, hits
from edge.cache.settings import CacheSettings
from edge.cache.tiers import TieredStore

KEYS = [f"/live/v{number % 3}/{number}.m4s" for number in range(40)]
TAGS = {key: (f"event-{number % 4}",) for number, key in enumerate(KEYS)}
HARD = [Purge("url", KEYS[0]), Purge("url", KEYS[1]), Purge("prefix", "/live/v1/"), Purge("tag", "event-2")]
PURGES = [*HARD, *(replace(one, soft=True) for one in HARD)]
LIFE_S = 0.15


def body_of(key: str, version: int) -> bytes:
    """Tells its key and version; of a length that changes, up to a megabyte, which takes a while to write."""
    said = f"{key} {version} ".encode()
    return said * (1 + version % 997) * (1 if version % 10 else 50)


class Life:
    """One process of the cache."""

    def __init__(self, folder: str, say: int, version: int, rng: random.Random) -> None:
        self._say = say
        self._version = version
        self._rng = rng
        settings = CacheSettings(origin="http://127.0.0.1:9", disk_path=folder, disk_start_s=30.0)
        self._counters = CacheCounters()
        self._store = TieredStore(settings, self._counters, time.monotonic, time.time)

    async def live(self) -> None:
        """Tell what is here, then change it until killed."""
        begun = time.monotonic()
        await self._store.start()
        self.say("ready", time.monotonic() - begun)
        for key in KEYS:
            if found := await self._store.load(key):
                version = int(bytes(found.body).split()[1])  # type: ignore[arg-type]
                assert found.body == body_of(key, version), f"{key} is torn"
                self.say("have", key, version, int(found.ttl_s(time.monotonic()) <= 0))
        assert not self._counters.disk_errors, f"found damaged: {self._counters.disk_errors}"
        self.say("alive")
        while True:
            if self._rng.random() < 0.1:
                self.purge(self._rng.randrange(len(PURGES)))
            else:
                self.put(self._rng.choice(KEYS))
            await asyncio.sleep(self._rng.choice((0, 0, 0.001)))

    def put(self, key: str) -> None:
        self._version += 1
        self.say("put", key, self._version)
        body = body_of(key, self._version)
        now = time.monotonic()
        self._store.put(CachedObject(key, 200, {}, body, "", "", now, 0.0, Lifetime(3600.0), TAGS[key]))

    def purge(self, which: int) -> None:
        self.say("purge", which, self._version)
        self._store.purge(PURGES[which], time.monotonic())
        self._store.when_recorded(partial(self.say, "record", which, self._version))

    def say(self, *words: object) -> None:
        os.write(self._say, (" ".join(map(str, words)) + "\n").encode())


def tell_what_is_done(say: int) -> None:
    """Have the tier say when a file has its name."""
    real = DiskTier._written

    def written(self: DiskTier, key: str, entry: Entry, error: OSError | None) -> None:
        if entry.pending and error is None:
            version = bytes(entry.pending.body).split()[1].decode()  # type: ignore[arg-type]
            os.write(say, f"done {key} {version}\n".encode())
        real(self, key, entry, error)

    DiskTier._written = written  # type: ignore[method-assign]


class Record:
    """What all lives so far have said, and what the next one must find."""

    def __init__(self) -> None:
        self.version = 0
        self.done: dict[str, int] = {}
        self.begun: dict[str, set[int]] = {}  # later than what is done: may be there or not
        self.asked: list[tuple[Purge, int]] = []  # since what is done
        self.gone: dict[str, int] = {}  # no version up to this may be there
        self.stale: dict[str, int] = {}  # no version up to this may be fresh
        self.lives = self.found = self.finished = 0
        self.slowest_s = 0.0

    def hear(self, said: list[list[str]]) -> None:
        """One life's words, in order."""
        here: dict[str, tuple[int, bool]] = {}
        for word, *rest in said:
            match word, rest:
                case "ready", [seconds]:
                    self.slowest_s = max(self.slowest_s, float(seconds))
                case "have", [key, version, stale]:
                    here[key] = (int(version), stale == "1")
                case "alive", []:
                    self.check(here)
                    self.lives += 1
                case "put", [key, version]:
                    self.version = int(version)
                    self.begun.setdefault(key, set()).add(int(version))
                case "done", [key, version]:
                    self.finished += 1
                    self.done[key] = int(version)
                    self.begun[key] = {one for one in self.begun[key] if one > int(version)}
                case "purge", [which, version]:
                    self.asked.append((PURGES[int(which)], int(version)))
                case "record", [which, version]:
                    self.recorded(PURGES[int(which)], int(version))

    def recorded(self, purge: Purge, version: int) -> None:
        marks = self.stale if purge.soft else self.gone
        for key in KEYS:
            if hits(purge, key, TAGS[key]):
                marks[key] = max(version, marks.get(key, 0))

    def check(self, here: dict[str, tuple[int, bool]]) -> None:
        """What this life has is all that it must have, and nothing that it must not."""
        self.found += len(here)
        for key in KEYS:
            done, maybe = self.done.get(key, 0), self.begun.get(key, set())
            version, stale = here.get(key, (0, False))
            asked = [one for one, upto in self.asked if upto >= done and hits(one, key, TAGS[key])]
            allowed = {done, *maybe} | ({0} if maybe or any(not one.soft for one in asked) else set())
            assert version in allowed, f"{key}: has {version} of {allowed}"
            assert not version or version > self.gone.get(key, 0), f"{key}: {version} came back"
            assert not version or stale or version > self.stale.get(key, 0), f"{key}: {version} is fresh"
            self.done[key], self.begun[key] = version, set()
            if not version:
                self.gone[key] = max(self.gone.get(key, 0), self.version)
        self.asked = []


def lives(folder: str, kills: int, rng: random.Random) -> Record:
    """Fork, kill, look, and again."""
    record = Record()
    for _ in range(kills):
        hear, say = os.pipe()
        seed = rng.random()
        child = os.fork()
        if not child:
            os.close(hear)
            tell_what_is_done(say)
            asyncio.run(Life(folder, say, record.version, random.Random(seed)).live())
        os.close(say)
        heard = b""
        end_at = None
        with os.fdopen(hear, "rb", buffering=0) as pipe:
            while piece := pipe.read(65_536):
                heard += piece
                if end_at is None and b"alive\n" in heard:
                    end_at = time.monotonic() + rng.uniform(0, LIFE_S)
                if end_at and time.monotonic() >= end_at:
                    os.kill(child, signal.SIGKILL)
            status = os.waitpid(child, 0)[1]
        assert os.WIFSIGNALED(status), "a life ended by itself"
        record.hear([line.split() for line in heard.decode().split("\n")[:-1]])
    return record


if __name__ == "__main__":
    made = lives(sys.argv[1], int(sys.argv[2]), random.Random(int(sys.argv[3])))
    summary = {
        "lives": made.lives,
        "found": made.found,
        "finished": made.finished,
        "slowest_start_s": round(made.slowest_s, 3),
    }
    sys.stdout.write(json.dumps(summary) + "\n")
