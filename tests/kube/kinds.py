"""Pretend definitions of the custom kinds that the chart can make: the API server takes any object of them.

Their real schemas are the matter of `make chart`.
"""

import json

from helm.render import CUSTOM
from kube.programs import Object, apply, kubectl, until


def pretend(api: str) -> Object:
    """The definition of a kind, `group/version/Kind`."""
    group, version, kind = api.split("/")
    plural = f"{kind.lower()}s"
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {
            "name": f"{plural}.{group}",
            "annotations": {"api-approved.kubernetes.io": "unapproved, pretended by a test"},
        },
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"kind": kind, "plural": plural},
            "versions": [
                {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": anything}}
            ],
        },
    }


def make_missing() -> list[str]:
    """Define the kinds that the cluster lacks; their names, to be removed again."""
    held = {
        one["metadata"]["name"]
        for one in json.loads(kubectl("get", "customresourcedefinitions", "-o", "json"))["items"]
    }
    missing = [one for one in map(pretend, CUSTOM) if one["metadata"]["name"] not in held]
    names = [one["metadata"]["name"] for one in missing]
    if missing:
        apply(*missing)
        until(lambda: _established(names), 30, f"{', '.join(names)} established")
    return names


def _established(names: list[str]) -> bool:
    words = [f"customresourcedefinition/{name}" for name in names]
    kubectl("wait", "--for=condition=Established", "--timeout=1s", *words)
    return True


def remove(names: list[str]) -> None:
    """Remove definitions."""
    for name in names:
        kubectl("delete", "customresourcedefinition", name)
