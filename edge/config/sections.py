"""Every setting of a node: meaning, unit, bounds, relation to others, source.

One scheme names a setting everywhere: `section.field` is the flag ``--section-field``, the variable
``EDGE_SECTION_FIELD`` and ``field`` in ``[section]`` of the TOML file. Units stand last in names.
"""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from msgspec import Meta

from edge.config.admission import AdmissionConfig
from edge.config.identity import IdentityConfig
from edge.config.kubernetes import KubernetesConfig
from edge.config.monsoon import MonsoonConfig
from edge.config.nginx import NginxConfig
from edge.config.origins import ORIGIN_URL, OriginConfig
from edge.config.ports import AdminConfig, PublicConfig
from edge.config.prewarm import PrewarmConfig
from edge.config.quality import QualityConfig
from edge.config.routing import RoutingConfig
from edge.config.schedule import ScheduleConfig
from edge.config.signing import SigningConfig
from edge.config.steering import SteeringConfig
from edge.config.tracing import TracingConfig
from edge.model import NAME_MAX_BYTES

_LABEL = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"
_CLUSTER = r"^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$"
_CLUSTER_MAX = 127  # a namespace (63), a slash and a release's name (53), with room
DEFAULT_ORIGIN = "http://127.0.0.1:7790"  # where `edge origin` is


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """Who this node is. Other nodes see all of it."""

    name: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=NAME_MAX_BYTES,
            pattern=_LABEL,
            description="Unique name; the pod's name. Default: host name.",
        ),
    ]
    cluster: Annotated[
        str,
        Meta(
            min_length=1,
            max_length=_CLUSTER_MAX,
            pattern=_CLUSTER,
            description="Cluster id, e.g. namespace/release; nodes of other clusters are not heard.",
        ),
    ] = "edge"
    region: Annotated[str, Meta(max_length=63, description="Region, e.g. west.")] = ""
    zone: Annotated[str, Meta(max_length=63, description="Zone: viewers of it are sent here first.")] = ""
    isp: Annotated[str, Meta(max_length=63, description="Internet provider this node sits in.")] = ""
    capacity: Annotated[
        int, Meta(ge=0, le=10_000_000, description="Viewers this node is made for; 0: send it none.")
    ] = 1000
    drain_s: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="A node that leaves takes no new viewers, but serves on this long, seconds.",
        ),
    ] = 0.5
    tags: Annotated[
        dict[str, str], Meta(max_length=16, description="Free labels k=v,k=v; the map reads lat and lon.")
    ] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class GossipConfig:
    """How this node gossips. The defaults are those of PROTOCOL; sources are named where a paper gave the number."""

    bind: Annotated[
        str, Meta(description="UDP address to receive gossip on, host:port; port 0 takes a free one.")
    ] = "127.0.0.1:7700"
    advertise: Annotated[
        str, Meta(description="Address that other nodes send to, host:port. Default: bind.")
    ] = ""
    backup_bind: Annotated[
        str,
        Meta(
            description="UDP address on another network, host:port, for purges and overrides in a cut. Default: none."
        ),
    ] = ""
    backup_advertise: Annotated[
        str, Meta(description="Address that other nodes send these to, host:port. Default: backup_bind.")
    ] = ""
    backup_kbps: Annotated[
        float,
        Meta(
            ge=1, le=100_000, description="Bound of what this node sends on that network, kilobits a second."
        ),
    ] = 64
    seeds: Annotated[
        tuple[str, ...],
        Meta(max_length=64, description="Members to join through: host:port or DNS name:port, comma list."),
    ] = ()
    keys_file: Annotated[
        str, Meta(description="File of base64 keys, the first seals; needed off loopback (`edge keygen`).")
    ] = ""
    tick_min_s: Annotated[
        float,
        Meta(ge=0.01, le=5, description="Period of batched gossip on good ways while load changes, seconds."),
    ] = 0.06
    tick_max_s: Annotated[
        float, Meta(ge=0.01, le=10, description="Period of batched gossip in a quiet cluster, seconds.")
    ] = 1
    fanout: Annotated[
        int, Meta(ge=1, le=16, description="Peers that a tick's gossip goes to, one after another.")
    ] = 3
    exchange: Annotated[
        Literal["push", "pull", "push-pull"],
        Meta(description="Whether a tick tells news, asks for it, or both."),
    ] = "push"
    far_share: Annotated[
        float,
        Meta(
            ge=0.05,
            le=1,
            description="Share of batched gossip that goes across zones, where the own has some members; 1: no zones.",
        ),
    ] = 0.3
    quarantine: Annotated[
        bool,
        Meta(description="Whether members that lie get no viewers; else their trust is only shown."),
    ] = True
    eager_fanout: Annotated[
        int,
        Meta(ge=0, le=16, description="Peers that an urgent change is forwarded to at its first receipt."),
    ] = 5
    retransmit: Annotated[
        int,
        Meta(
            ge=1, le=16, description="λ: an urgent change is sent λ·⌈log10(N+1)⌉ times by each node (SWIM)."
        ),
    ] = 4
    probe_period_s: Annotated[
        float,
        Meta(ge=0.02, le=60, description="One member is probed each period while load changes, seconds."),
    ] = 0.2
    probe_period_quiet_s: Annotated[
        float, Meta(ge=0.02, le=60, description="The same in a quiet cluster, seconds.")
    ] = 0.5
    probe_timeout_min_s: Annotated[
        float,
        Meta(
            ge=0.005,
            le=10,
            description="Floor of the timeout taken from the round-trip time (RFC 6298), seconds.",
        ),
    ] = 0.05
    indirect_probes: Annotated[
        int, Meta(ge=0, le=8, description="Members asked to probe one that does not answer (SWIM's k).")
    ] = 3
    suspicion_mult: Annotated[
        float,
        Meta(
            ge=1, le=20, description="Least suspicion: this · max(1, log10 N) · probe period (Lifeguard's α)."
        ),
    ] = 3.5
    suspicion_min_s: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="And never less than this: a process may stand still that long, seconds.",
        ),
    ] = 1
    suspicion_max_factor: Annotated[
        float,
        Meta(
            ge=1,
            le=20,
            description="Suspicion without confirmations lasts this many times longer (Lifeguard's β).",
        ),
    ] = 3
    suspicion_confirmations: Annotated[
        int,
        Meta(
            ge=0,
            le=10,
            description="Independent accusers that bring suspicion down to its least (Lifeguard's K).",
        ),
    ] = 3
    awareness_max: Annotated[
        int,
        Meta(
            ge=0,
            le=32,
            description="Greatest local health multiplier: a slow node waits up to this +1 times longer.",
        ),
    ] = 8
    partition_share: Annotated[
        float,
        Meta(
            gt=0,
            le=1,
            description="Share of the members whose loss within seconds is a partition (or 80% of a zone, or all).",
        ),
    ] = 0.4
    partition_hold_s: Annotated[
        float,
        Meta(
            ge=0,
            le=600,
            description="Members lost in a partition stay suspect this long before they are unreachable, seconds.",
        ),
    ] = 30
    reconnect_min_s: Annotated[
        float,
        Meta(ge=0.05, le=60, description="First pause before an unreachable member is tried again, seconds."),
    ] = 0.5
    reconnect_max_s: Annotated[
        float,
        Meta(
            ge=0.1,
            le=600,
            description="Greatest pause between tries; they never stop while it is kept, seconds.",
        ),
    ] = 5
    reseed_s: Annotated[
        float,
        Meta(ge=0.5, le=3600, description="Seeds are asked again this often, ± 10%, for ever, seconds."),
    ] = 60
    sync_s: Annotated[
        float,
        Meta(
            ge=0.2,
            le=3600,
            description="Least pause between two anti-entropy exchanges with one peer, seconds.",
        ),
    ] = 1
    bulk_from: Annotated[
        int,
        Meta(
            ge=0,
            le=100_000,
            description="Records lacking here from which on a peer's state is fetched over its admin port; 0: never.",
        ),
    ] = 128
    keep_s: Annotated[
        float,
        Meta(
            ge=10,
            le=7 * 86_400,
            description="Members that left or are unreachable are kept this long, seconds.",
        ),
    ] = 86_400
    load_every_s: Annotated[
        float,
        Meta(ge=0.1, le=60, description="Load is told on every change, and at least this often, seconds."),
    ] = 2
    popularity_every_s: Annotated[
        float,
        Meta(ge=0.1, le=60, description="Segment popularity is told this often while it changes, seconds."),
    ] = 0.5
    events_max: Annotated[
        int,
        Meta(
            ge=16,
            le=8192,
            description="Bound of the log of durable events; further ones are refused until some are over.",
        ),
    ] = 1024
    members_max: Annotated[
        int,
        Meta(
            ge=2,
            le=100_000,
            description="Bound of the member table; further members are refused and counted.",
        ),
    ] = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheConfig:
    """The cache and where it fills from."""

    backend: Annotated[
        Literal["embedded", "nginx"],
        Meta(description="Who serves hits: this process, or nginx in front of it (section nginx)."),
    ] = "embedded"
    origin: Annotated[
        str, Meta(pattern=ORIGIN_URL, description="Origin to fill from, http(s)://host:port.")
    ] = DEFAULT_ORIGIN
    origins: Annotated[
        tuple[str, ...],
        Meta(
            max_length=16,
            description="Several in place of origin, comma list: http(s)://host:port;priority=1;weight=2.",
        ),
    ] = ()
    memory_bytes: Annotated[
        int, Meta(ge=1 << 20, le=1 << 42, description="Bound of all stored bodies together, bytes.")
    ] = 256 * 1024 * 1024
    object_max_bytes: Annotated[
        int,
        Meta(
            ge=1024, le=1 << 32, description="Greatest object that is stored or taken from the origin, bytes."
        ),
    ] = 32 * 1024 * 1024
    fill_timeout_s: Annotated[
        float, Meta(ge=0.1, le=300, description="A fill that takes longer fails, seconds.")
    ] = 8
    hold_max_s: Annotated[
        float,
        Meta(
            ge=0,
            le=3,
            description="A segment that will be there soon is waited for half its duration, but no longer, seconds.",
        ),
    ] = 3
    holds_max: Annotated[
        int, Meta(ge=0, le=10_000, description="Segments waited for at a time; beyond it 404 at once.")
    ] = 64
    peer_fill: Annotated[
        bool,
        Meta(
            description="Ask the zone's owner of an object first, the origin only as its owner (true, false)."
        ),
    ] = True
    hot_rate: Annotated[
        float,
        Meta(
            ge=1,
            le=1e9,
            description="A stream has one more owner in the zone for each so many requests a second there.",
        ),
    ] = 200
    disk_path: Annotated[
        str,
        Meta(
            max_length=1024,
            description="Folder of the tier below memory, for this process alone; empty: none.",
        ),
    ] = ""
    disk_max_bytes: Annotated[
        int,
        Meta(
            ge=1 << 20,
            le=1 << 50,
            description="Bound of the files there, bytes; leave a tenth of the volume free.",
        ),
    ] = 10 * 1024 * 1024 * 1024
    disk_objects_max: Annotated[
        int,
        Meta(ge=16, le=10_000_000, description="Bound of their number; each takes about 1 KiB of memory."),
    ] = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    """What is logged to standard error, and how."""

    level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="Least level that is logged.")
    ] = "info"
    format: Annotated[
        Literal["console", "json"], Meta(description="console: for people; json: one object a line.")
    ] = "console"


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings of one node."""

    node: NodeConfig
    gossip: GossipConfig = GossipConfig()
    identity: IdentityConfig = field(default_factory=IdentityConfig)
    public: PublicConfig = field(default_factory=PublicConfig)
    admin: AdminConfig = field(default_factory=AdminConfig)
    cache: CacheConfig = CacheConfig()
    origin: OriginConfig = field(default_factory=OriginConfig)
    nginx: NginxConfig = field(default_factory=NginxConfig)
    prewarm: PrewarmConfig = field(default_factory=PrewarmConfig)
    routing: RoutingConfig = field(default_factory=RoutingConfig)
    steering: SteeringConfig = field(default_factory=SteeringConfig)
    schedule: ScheduleConfig = field(default_factory=ScheduleConfig)
    signing: SigningConfig = field(default_factory=SigningConfig)
    monsoon: MonsoonConfig = field(default_factory=MonsoonConfig)
    admission: AdmissionConfig = field(default_factory=AdmissionConfig)
    quality: QualityConfig = field(default_factory=QualityConfig)
    kubernetes: KubernetesConfig = field(default_factory=KubernetesConfig)
    tracing: TracingConfig = field(default_factory=TracingConfig)
    log: LogConfig = LogConfig()
