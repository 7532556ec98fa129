"""Clusters that must stay apart though they hear each other, and a node without rights."""

import functools
import time

from helm.render import Values
from kube.programs import apply, until
from kube.releases import SMALL, Release, Space, merged

HEAR_S = 10.0  # of each other's datagrams, while nothing may come of it
AGREE_S = 60.0
PAIR: Values = merged(SMALL, {"replicas": 2, "gossip": {"existingSecret": "shared"}})
REFUSED = 'edge_gossip_dropped_total{reason="authentication"}'


def seeded(release: Release, *others: Release) -> None:
    """Begin to install a pair of nodes that look for members among those of other releases too."""
    seeds = [f"{one.fullname}-headless.{one.namespace}.svc.cluster.local:7700" for one in others]
    release.create(merged(PAIR, {"gossip": {"extraSeeds": seeds}}))


def agrees(release: Release) -> bool:
    """Each node of a pair holds just both alive, and nobody else in any state."""
    names = [pod.name for pod in release.all_ready()]
    held = [release.members(name) for name in names]
    return len(names) == 2 and all(
        sorted(one) == names and {each["status"] for each in one.values()} == {"alive"} for one in held
    )


def test_releases_and_foreign_clusters_never_merge(space: Space) -> None:
    """One key ring, and each other's pods as seeds, as if all addresses had been used before: only the id differs."""
    here, elsewhere = space("apart"), space("foreign")
    one, other, foreign = Release(here), Release(here, "other"), Release(elsewhere)
    for namespace in (here, elsewhere):
        apply(
            {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": "shared", "namespace": namespace},
                "stringData": {"keys": "q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6s=\n"},
            }
        )
    seeded(one, other, foreign)
    seeded(other, one, foreign)
    seeded(foreign, one, other)
    for each in (one, other, foreign):
        until(functools.partial(agrees, each), AGREE_S, f"{each.namespace}/{each.name} is of one mind")
    time.sleep(HEAR_S)
    for each in (one, other, foreign):
        assert agrees(each)
        heard = sum(each.metric(pod.name, REFUSED) for pod in each.pods())
        assert heard > 0, f"{each.namespace}/{each.name} heard nobody, so nothing was shown"


def test_without_the_role_a_node_says_so_and_joins_by_dns(space: Space) -> None:
    release = Release(space("denied"))
    release.install(merged(SMALL, {"replicas": 2, "rbac": {"create": False}}))
    until(lambda: agrees(release), AGREE_S, "both see each other")
    for pod in release.pods():
        told = release.logs(pod.name)
        assert "the service account may not list and watch endpointslices.discovery.k8s.io" in told
        assert "seeds come from DNS alone until a Role grants it" in told
        assert release.metric(pod.name, 'edge_kubernetes_errors_total{reason="denied"}') > 0
        assert release.metric(pod.name, "edge_seed_lookup_failures_total") < 10
