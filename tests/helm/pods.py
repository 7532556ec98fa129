"""Pods as the kubelet, admission and gossip see them."""

import math

from edge.config.sections import GossipConfig
from helm.render import Object, Rendered

POD = {
    "metadata.name": "edge-1",
    "metadata.namespace": "video",
    "metadata.labels['apps.kubernetes.io/pod-index']": "1",
    "spec.nodeName": "worker-2",
    "status.podIP": "10.1.2.3",
    "status.hostIP": "192.0.2.7",
}

VOLUMES = {
    "configMap",
    "csi",
    "downwardAPI",
    "emptyDir",
    "ephemeral",
    "persistentVolumeClaim",
    "projected",
    "secret",
}


def filled(made: Rendered, fields: dict[str, str]) -> dict[str, str]:
    """The variables as the kubelet fills them in."""
    done: dict[str, str] = {}
    for name, value in made.env.items():
        text = fields[value[1:-1]] if value.startswith("<") else value
        for known, other in done.items():
            text = text.replace(f"$({known})", other)
        done[name] = text
    return done


def restricted_offences(spec: Object) -> list[str]:
    """What the restricted level forbids (Pod Security Standards), for the fields that the chart can set."""
    pod = spec.get("securityContext", {})
    found = [field for field in ("hostNetwork", "hostPID", "hostIPC") if spec.get(field)]
    found += [f"volume {one['name']}" for one in spec.get("volumes", []) if not VOLUMES & one.keys()]
    for one in spec["containers"] + spec.get("initContainers", []):
        own = one.get("securityContext", {})
        both = pod | own
        checks = {
            "runAsNonRoot": both.get("runAsNonRoot") is True,
            "runAsUser": both.get("runAsUser") != 0,
            "seccompProfile": both.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
            "allowPrivilegeEscalation": own.get("allowPrivilegeEscalation") is False,
            "capabilities": own.get("capabilities") == {"drop": ["ALL"]},
            "privileged": not own.get("privileged"),
            "hostPort": not any("hostPort" in port for port in one.get("ports", [])),
        }
        found += [f"{one['name']} {field}" for field, right in checks.items() if not right]
    return found


def longest_suspicion_s(pods: int, gossip: GossipConfig) -> float:
    """PROTOCOL.md: the least timeout for this many members, times the factor of an unconfirmed suspicion."""
    least = gossip.suspicion_mult * max(1, math.log10(pods)) * gossip.probe_period_quiet_s
    return max(gossip.suspicion_min_s, least) * gossip.suspicion_max_factor
