"""Settings: what may be set, its bounds, and how flags, variables and a file become one value.

This room may import only `edge.model`. It reads no file and no environment itself: their contents come in as arguments.
"""

from edge.config.admission import AdmissionConfig
from edge.config.identity import IdentityConfig
from edge.config.kubernetes import KubernetesConfig
from edge.config.load import Source, field_types, load
from edge.config.monsoon import MonsoonConfig
from edge.config.nginx import NginxConfig
from edge.config.origins import OriginConfig
from edge.config.ports import AdminConfig, PublicConfig
from edge.config.prewarm import PrewarmConfig
from edge.config.quality import QualityConfig
from edge.config.routing import RoutingConfig
from edge.config.schedule import ScheduleConfig
from edge.config.sections import (
    CacheConfig,
    Config,
    GossipConfig,
    LogConfig,
    NodeConfig,
)
from edge.config.signing import PACKAGE, SigningConfig
from edge.config.steering import SteeringConfig
from edge.config.tracing import TracingConfig

__all__ = [
    "PACKAGE",
    "AdminConfig",
    "AdmissionConfig",
    "CacheConfig",
    "Config",
    "GossipConfig",
    "IdentityConfig",
    "KubernetesConfig",
    "LogConfig",
    "MonsoonConfig",
    "NginxConfig",
    "NodeConfig",
    "OriginConfig",
    "PrewarmConfig",
    "PublicConfig",
    "QualityConfig",
    "RoutingConfig",
    "ScheduleConfig",
    "SigningConfig",
    "Source",
    "SteeringConfig",
    "TracingConfig",
    "field_types",
    "load",
]
