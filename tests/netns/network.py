"""Hosts of their own on one machine: each with a network namespace, joined by a router whose rules a test sets.

Every packet between two hosts passes the router's forward hook, that between neighbours too. The relay (relay.py) is
on the router itself, so a test reaches each host whatever is cut.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from netns.places import Host, Hosts
from waiting import until

PROGRAMS = ("ip", "mount", "nft", "nsenter", "setpriv", "unshare")
ALL, GOSSIP_ONLY, TCP_ONLY = "", "udp dport 7700", "meta l4proto tcp"
BUT_BACKUP = "th dport != 7702"  # what the nodes' second path does not take

_ROUTER = "10.77.0.1"
_AS_USER = os.geteuid() != 0
_READY_S, _DO_S = 20.0, 10.0
_TABLE = """
add table ip edge
add chain ip edge counted { type filter hook forward priority -1; policy accept; }
add chain ip edge through { type filter hook forward priority 0; policy accept; }
"""
_DIES_WITH_US = ("setpriv", "--pdeathsig", "KILL")  # last, for a change of rights would undo it


@dataclass(frozen=True)
class Loss:
    """So many percent of what goes one way are lost."""

    sources: Hosts
    targets: Hosts
    percent: int = 100
    traffic: str = ALL

    @property
    def nft(self) -> str:
        """The rule."""
        chance = f"numgen random mod 100 < {self.percent}" if self.percent < 100 else ""
        way = _between(self.sources, self.targets)
        return f"add rule ip edge through {way} {self.traffic} {chance} counter drop"


Fault = tuple[Loss, ...]
Way = tuple[Hosts, Hosts]


class Network:
    """The router and its hosts, of which nothing outlives this process.

    Args:
        hosts: who has a way to whom.
        ports: TCP ports of each that the test can reach.
    """

    def __init__(self, hosts: Hosts, ports: Sequence[int]) -> None:
        self._hosts = hosts
        self._faults: list[Fault] = []
        self._ways: list[Way] = []  # of which bytes are counted
        self._folder = tempfile.TemporaryDirectory(prefix="netns-")  # the path of a Unix socket must be short
        relay = [str(Path(__file__).with_name("relay.py")), self._folder.name]
        relay += [f"{host.address}:{port}" for host in hosts for port in ports]
        script = 'mount -t tmpfs none /run && mkdir /run/netns && exec "$@"'
        unshare = ["unshare", *(["--user", "--map-root-user"] if _AS_USER else []), "--net", "--mount"]
        command = [*unshare, "sh", "-c", script, "sh", *_DIES_WITH_US, sys.executable, *relay]
        self._relay = subprocess.Popen(command, stdin=subprocess.PIPE)

    async def up(self) -> None:
        """Wait for the relay, and lay the wires."""

        def ready() -> bool:
            assert self._relay.poll() is None, "the relay has ended: see its error above"
            return Path(self._folder.name, "ready").exists()

        await until(ready, _READY_S)
        wires = [f"netns add {host.name}" for host in self._hosts]
        for host in self._hosts:
            wires += [
                f"link add {host.name} type veth peer name eth0 netns {host.name}",
                f"address add {_ROUTER}/32 dev {host.name}",
                f"link set {host.name} up",
                f"route add {host.address}/32 dev {host.name}",
            ]
        self._do("ip", "-batch", "-", told="\n".join(wires))
        ends = ["link set lo up", "link set eth0 up", "address add {}/32 dev eth0"]
        ends.append(f"route add default via {_ROUTER} dev eth0 onlink")
        for host in self._hosts:
            self._do("ip", "-netns", host.name, "-batch", "-", told="\n".join(ends).format(host.address))
        self._do("sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
        self._do("nft", "-f", "-", told=_TABLE)

    def within(self, host: Host) -> list[str]:
        """What starts a program on `host`; it ends with this process."""
        return [*self._entered, "ip", "netns", "exec", host.name, *_DIES_WITH_US]

    def door(self, host: Host, port: int) -> str:
        """The Unix socket that stands for a port of `host`."""
        return str(Path(self._folder.name, f"{host.address}:{port}"))

    def lose(self, percent: int, sources: Hosts, targets: Hosts, traffic: str = ALL) -> Fault:
        """Lose so much of what goes from the ones to the others, in this direction only."""
        return self._add(Loss(sources, targets, percent, traffic))

    def cut(self, some: Hosts, rest: Hosts, traffic: str = ALL) -> Fault:
        """Let nothing pass between these two."""
        return self._add(Loss(some, rest, traffic=traffic), Loss(rest, some, traffic=traffic))

    def heal(self, *faults: Fault) -> None:
        """Undo these, or all. One that never lost a packet was no fault, and fails the test."""
        healed = faults or tuple(self._faults)
        dropped = self._dropped()
        self._faults = [one for one in self._faults if one not in healed]
        self._apply()
        assert all(any(dropped[loss] for loss in fault) for fault in healed), dropped

    def count(self, *ways: Way) -> None:
        """Count from now on the bytes that the first of each pair send to the second, those too that a cut loses."""
        self._ways = list(ways)
        rules = [f"add rule ip edge counted {_between(*way)} counter" for way in ways]
        self._do("nft", "-f", "-", told="\n".join(["flush chain ip edge counted", *rules]))

    def sent(self, sources: Hosts, targets: Hosts) -> int:
        """Bytes since `count`, with their headers from IP on."""
        return self._counters("counted", "bytes")[self._ways.index((sources, targets))]

    def clear(self) -> None:
        """Undo all that is left, without a question."""
        self._faults = []
        self._apply()
        self.count()

    def close(self) -> None:
        """End it. Programs on the hosts are ended before, by who started them."""
        self._relay.kill()
        self._relay.wait(_DO_S)
        assert self._relay.stdin
        self._relay.stdin.close()
        self._folder.cleanup()

    def _add(self, *losses: Loss) -> Fault:
        self._faults.append(losses)
        self._apply()
        return losses

    def _apply(self) -> None:
        """All rules anew, in one step; their counters start at zero."""
        rules = [loss.nft for fault in self._faults for loss in fault]
        self._do("nft", "-f", "-", told="\n".join(["flush chain ip edge through", *rules]))

    def _dropped(self) -> dict[Loss, int]:
        """How many packets each rule has dropped since the last change."""
        losses = [loss for fault in self._faults for loss in fault]
        return dict(zip(losses, self._counters("through", "packets"), strict=True))

    def _counters(self, chain: str, what: str) -> list[int]:
        """Packets or bytes of each rule of a chain."""
        listed: Any = json.loads(self._do("nft", "-j", "list", "chain", "ip", "edge", chain))
        rules = [one["rule"]["expr"] for one in listed["nftables"] if "rule" in one]
        return [part["counter"][what] for rule in rules for part in rule if "counter" in part]

    @property
    def _entered(self) -> list[str]:
        """What starts a program on the router."""
        user = ["--user", "--preserve-credentials"] if _AS_USER else []
        return ["nsenter", f"--target={self._relay.pid}", *user, "--net", "--mount"]

    def _do(self, *command: str, told: str = "") -> str:
        done = subprocess.run(
            [*self._entered, *command], input=told, capture_output=True, text=True, timeout=_DO_S, check=False
        )
        assert done.returncode == 0, f"{' '.join(command)}: {done.stderr}\n{told}"
        return done.stdout


def _between(sources: Hosts, targets: Hosts) -> str:
    return f"ip saddr {_set(sources)} ip daddr {_set(targets)}"


def _set(hosts: Hosts) -> str:
    return "{ " + ", ".join(host.address for host in hosts) + " }"
