"""Every metric that a node exposes, read from real nodes that have every part; docs/METRICS.md lists them.

`make metrics ARGS=--write` writes that page.
"""

import importlib
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from prometheus_client.core import Metric

from certificates import Authority
from edge.app import Node
from nginx.site import free_ports
from running import Running
from shell.pretend_apiserver import NAMESPACE, SERVICE, PretendApiServer
from shell.signing.signer import HOST, Signer

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/METRICS.md"
NOWHERE = "http://127.0.0.1:1"  # an origin that nobody asks
MACHINE = "machine"
UNITS = ("seconds", "bytes", "kbps", "ratio", "streams", "viewers", "objects")
# Title and lead of each group, and what the names of its metrics begin with; the first that fits has it.
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "Gossip": (
        "Datagrams, probes, anti-entropy and bulk syncs, the second path, the durable log.",
        ("gossip", "seed"),
    ),
    "Cache": ("What the cache of the node's own process does, with either backend.", ("cache",)),
    "nginx": ("With `cache.backend = nginx` only.", ("nginx",)),
    "Origins": ("Each origin of `cache.origin` or `cache.origins`.", ("origin",)),
    "Routing": ("Where viewers are sent.", ("routing", "redirects", "unroutable", "places")),
    "Steering": ("Content steering.", ("steering",)),
    "Admission": ("New sessions, and how many fit.", ("admission", "multivariant", "safe")),
    "Quality": ("What players tell, by zone and provider: at most 64 places.", ("quality",)),
    "Monsoon": ("Degradation of service.", ("monsoon",)),
    "Pre-warming": ("What is fetched before a viewer asks.", ("prewarm",)),
    "Schedule": ("Events that are to come; a scaler of pods reads the first two.", ("schedule",)),
    "Signed URLs": ("Where `signing.keys_file` is set.", ("signing",)),
    "TLS": ("The expiry only where `public.tls_cert_file` is set.", ("tls",)),
    "Admin": ("The admin port; the expiry only where `admin.tls_cert_file` is set.", ("admin",)),
    "Tracing": ("With `tracing.enabled` only.", ("tracing",)),
    "Kubernetes": ("With `kubernetes.discovery` only.", ("kubernetes",)),
    "Node": ("The node, the members it sees, and what it serves.", ("",)),
}
_HEAD = """# Metrics

What `GET /metrics` on the admin port tells, in Prometheus' text format. Made from real nodes by
`make metrics ARGS=--write`; do not edit. What to do with it: [monitoring.md](monitoring.md).

Counters are since the start of the process. A series with a label may be absent until there is something to count.
`edge_node_info` says who a node is; join it by `instance`:
`sum by (zone) (edge_streams * on (job, instance) group_left (zone) edge_node_info)`.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """One metric."""

    name: str  # as exposed
    kind: str
    text: str
    labels: tuple[str, ...]

    @property
    def unit(self) -> str:
        """By the end of its name; empty where it counts things that have no unit."""
        last = self.name.removesuffix("_total").rpartition("_")[2]
        return last if last in UNITS else ""

    @property
    def group(self) -> str:
        """The title of its group."""
        own = self.name.removeprefix("edge_")
        return next(title for title, (_, begins) in GROUPS.items() if own.startswith(begins))


async def entries() -> list[Entry]:
    """Of both backends, by name."""
    async with nodes() as all_nodes:
        return entries_of(all_nodes)


def entries_of(all_nodes: list[Node]) -> list[Entry]:
    """What these nodes expose, by name."""
    found: dict[str, Entry] = {}
    for node in all_nodes:
        for family in node._collector.collect():
            entry = _entry(family)
            assert found.setdefault(entry.name, entry) == entry, f"{entry.name} differs by backend"
    return sorted(found.values(), key=lambda one: one.name)


@asynccontextmanager
async def nodes() -> AsyncIterator[list[Node]]:
    """One of each backend, running, with TLS, signed URLs, tracing, a disk and Kubernetes."""
    importlib.import_module("edge.shell.kube.api")  # for it takes longer than a node may take to start
    server = PretendApiServer()
    server.machines[MACHINE] = {"topology.kubernetes.io/zone": "west"}
    await server.start()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        running = Running(NOWHERE)
        with _kubeconfig(server.kubeconfig(folder)):
            try:
                behind = await running.start("delhi", **_behind_nginx(folder))
                disk = str(folder / "disk")
                yield [await running.start("pune", cache__disk_path=disk, **_settings(folder)), behind]
            finally:
                await running.end()
                await server.stop()


def _settings(folder: Path) -> dict[str, str]:
    """What a node must have set so that every part of it is there."""
    cert, key = Authority(folder).sign("pune", "127.0.0.1")
    return {
        "public__tls_cert_file": str(cert),
        "public__tls_key_file": str(key),
        "admin__tls_cert_file": str(cert),
        "admin__tls_key_file": str(key),
        "signing__keys_file": str(Signer(folder).file),
        "signing__required_prefixes": "/live/",
        "signing__authority": HOST,
        "tracing__enabled": "true",
        "tracing__endpoint": NOWHERE,
        "kubernetes__discovery": "true",
        "kubernetes__namespace": NAMESPACE,
        "kubernetes__service": SERVICE,
        "kubernetes__node_name": MACHINE,
    }


def _behind_nginx(folder: Path) -> dict[str, str]:
    """A node that waits for its nginx, which never comes: what it counts is there all the same."""
    public, fill, status = free_ports(3)
    return {
        "cache__backend": "nginx",
        "nginx__folder": str(folder / "nginx"),
        "public__bind": f"127.0.0.1:{public}",
        "nginx__bind": f"127.0.0.1:{fill}",
        "nginx__status_bind": f"127.0.0.1:{status}",
    }


@contextmanager
def _kubeconfig(path: Path) -> Iterator[None]:
    before = os.environ.get("KUBECONFIG")
    os.environ["KUBECONFIG"] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["KUBECONFIG"]
        else:
            os.environ["KUBECONFIG"] = before


def _entry(family: Metric) -> Entry:
    name = f"{family.name}_total" if family.type == "counter" else family.name
    # The library keeps the names of labels to itself; a family without samples tells them nowhere else.
    labels: tuple[str, ...] = tuple(getattr(family, "_labelnames", ()))
    return Entry(name, family.type, family.documentation, labels)


def page(found: list[Entry]) -> str:
    """The text of docs/METRICS.md."""
    parts = [_HEAD]
    for title in ("Node", *(one for one in GROUPS if one != "Node")):
        rows = [one for one in found if one.group == title]
        head = "| metric | type | unit | labels | meaning |\n| --- | --- | --- | --- | --- |"
        parts.append("\n".join([f"## {title}\n\n{GROUPS[title][0]}\n\n{head}", *map(_row, rows)]) + "\n")
    return "\n".join(parts)


def _row(one: Entry) -> str:
    labels = ", ".join(f"`{label}`" for label in one.labels)
    text = one.text.replace("|", "\\|")
    return f"| `{one.name}` | {one.kind} | {one.unit} | {labels} | {text} |"
