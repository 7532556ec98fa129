"""Settings of a node that runs in a pod."""

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True, slots=True, kw_only=True)
class KubernetesConfig:
    """What the node asks of the Kubernetes it runs on. Seeds by DNS need none of it."""

    discovery: Annotated[
        bool,
        Meta(description="Watch the EndpointSlices of service: seeds, own zone, deleted pods (true, false)."),
    ] = False
    namespace: Annotated[
        str, Meta(max_length=63, description="Namespace of pod and service. Default: the service account's.")
    ] = ""
    service: Annotated[
        str,
        Meta(max_length=63, description="Headless Service of all pods; its gossip port is named udp-gossip."),
    ] = ""
    pod: Annotated[str, Meta(max_length=253, description="This pod's name. Default: node.name.")] = ""
    node_name: Annotated[
        str,
        Meta(
            max_length=253,
            description="The machine this pod runs on; tells its zone before the pod is listed.",
        ),
    ] = ""
    events: Annotated[
        bool,
        Meta(
            description="With discovery: say on the pod, as Events, what an operator must see (true, false)."
        ),
    ] = True
