"""The settings of a node that asks the pretend API server."""

from edge.config import Config, Source, load
from shell.pretend_apiserver import NAMESPACE, SERVICE

OWN = "127.0.0.2"


def settings(**given: str) -> Config:
    """Of the node edge-0 at `OWN`; `section__field="value"` sets another."""
    values = {
        "node.name": "edge-0",
        "gossip.bind": f"{OWN}:7700",
        "kubernetes.discovery": "true",
        "kubernetes.namespace": NAMESPACE,
        "kubernetes.service": SERVICE,
    }
    return load(Source.flags(values | {name.replace("__", "."): value for name, value in given.items()}))
