"""Settings: what may be set, its bounds, and how flags, variables and a file become one value.

This room may import only `edge.model`. It reads no file and no environment itself: their contents come in as arguments.
"""

from edge.config.kubernetes import KubernetesConfig
from edge.config.load import Source, field_types, load
from edge.config.monsoon import MonsoonConfig
from edge.config.sections import (
    AdminConfig,
    CacheConfig,
    Config,
    GossipConfig,
    LogConfig,
    NodeConfig,
    PublicConfig,
)

__all__ = [
    "AdminConfig",
    "CacheConfig",
    "Config",
    "GossipConfig",
    "KubernetesConfig",
    "LogConfig",
    "MonsoonConfig",
    "NodeConfig",
    "PublicConfig",
    "Source",
    "field_types",
    "load",
]
