"""Pod Security, rights, the token, and the two secrets."""

import base64
import re

import pytest

from edge.wire.keys import KeyRing
from helm.pods import restricted_offences
from helm.render import CHART, Object, Rendered, Values, Where, chart, render, render_anew, values_of

ALL = {"demo": {"origin": {"enabled": True}, "viewers": {"count": 5}}}


@pytest.mark.parametrize("values", [ALL, {}, values_of(CHART / "ci/minimal-values.yaml")])
def test_every_pod_fits_the_restricted_level(values: Values) -> None:
    made = render(values)
    assert {name: restricted_offences(spec) for name, spec in made.pods() if restricted_offences(spec)} == {}


def test_what_breaks_the_restricted_level_is_found() -> None:
    assert restricted_offences(render(values_of(CHART / "ci/hostnetwork-values.yaml")).pod)
    assert restricted_offences(render({"securityContext": {"capabilities": None}}).pod)
    assert restricted_offences(render({"podSecurityContext": {"runAsUser": 0}}).pod)
    assert restricted_offences(render({"extraVolumes": [{"name": "h", "hostPath": {"path": "/"}}]}).pod)


def test_every_root_is_read_only_and_every_empty_dir_bounded() -> None:
    for name, spec in render(ALL).pods():
        for one in spec["containers"]:
            assert one["securityContext"]["readOnlyRootFilesystem"] is True, name
        for one in spec.get("volumes", []):
            if "emptyDir" in one:
                assert one["emptyDir"]["sizeLimit"], name


def test_users_can_be_left_to_the_platform() -> None:
    made = render(values_of(CHART / "ci/minimal-values.yaml"))
    assert not {"runAsUser", "runAsGroup", "fsGroup"} & made.pod["securityContext"].keys()
    assert made.pod["securityContext"]["runAsNonRoot"] is True
    # with no group of ours, all may read what only this pod mounts
    assert {one["secret"]["defaultMode"] for one in made.pod["volumes"] if "secret" in one} == {0o444}
    assert {one["secret"]["defaultMode"] for one in render().pod["volumes"] if "secret" in one} == {0o440}


def tokens(made: Rendered) -> list[str]:
    """Containers that hold the service account's token."""
    holders = []
    for name, spec in made.pods():
        assert spec["automountServiceAccountToken"] is False, name
        projected = {one["name"] for one in spec.get("volumes", []) if "projected" in one}
        for one in spec["containers"]:
            if any(mount["name"] in projected for mount in one.get("volumeMounts", [])):
                holders.append(f"{name}/{one['name']}")
    return holders


def test_only_discovery_holds_a_token() -> None:
    assert tokens(render(ALL)) == ["StatefulSet/edge/edge"]
    assert tokens(render(values_of(CHART / "ci/ipv6-values.yaml"))) == [
        "StatefulSet/cdn/edge"
    ]  # and not the sidecar
    assert tokens(render({"discovery": {"kubernetes": {"enabled": False}}})) == []


def rights(made: Rendered) -> set[tuple[str, str]]:
    rules = [rule for one in made.all("Role") + made.all("ClusterRole") for rule in one["rules"]]
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


READ = {("endpointslices", verb) for verb in ("get", "list", "watch")}


def test_rights_are_those_that_discovery_uses() -> None:
    assert rights(render()) == READ | {("events", "create")}
    assert rights(render({"discovery": {"kubernetes": {"events": False}}})) == READ
    assert not render().all("ClusterRole")
    assert rights(render({"discovery": {"kubernetes": {"nodeLabels": True}}})) >= {("nodes", "get")}


def test_no_rights_without_discovery() -> None:
    made = render({"discovery": {"kubernetes": {"enabled": False}}})
    assert not rights(made)
    assert not made.all("RoleBinding")
    assert made.env.get("EDGE_KUBERNETES_DISCOVERY") is None


def test_discovery_is_told_what_to_watch() -> None:
    env = render().env
    assert env["EDGE_KUBERNETES_DISCOVERY"] == "true"
    assert env["EDGE_KUBERNETES_SERVICE"] == "edge-headless"
    assert env["EDGE_KUBERNETES_POD"] == "$(EDGE_NODE_NAME)"


def test_bindings_name_the_service_account() -> None:
    made = render({"serviceAccount": {"name": "ours"}, "discovery": {"kubernetes": {"nodeLabels": True}}})
    assert made.one("ServiceAccount")["metadata"]["name"] == "ours"
    assert made.pod["serviceAccountName"] == "ours"
    for one in made.all("RoleBinding") + made.all("ClusterRoleBinding"):
        assert one["subjects"] == [{"kind": "ServiceAccount", "name": "ours", "namespace": "video"}]
        assert one["roleRef"]["name"] in {
            role["metadata"]["name"] for role in made.all(one["kind"].removesuffix("Binding"))
        }
    assert render({"serviceAccount": {"create": False}}).pod["serviceAccountName"] == "default"


def secrets(values: Values | None = None) -> dict[str, Object]:
    return {one["metadata"]["name"]: one for one in render(values).all("Secret")}


def test_a_made_key_is_one_the_program_takes_and_is_kept() -> None:
    made = secrets()["edge-keys"]
    ring = KeyRing.parse(base64.b64decode(made["data"]["keys"]).decode(), "keys")
    assert len(ring.keys) == 1
    assert made["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    again = render_anew({}, Where(), chart()).one("Secret", "keys")
    assert made["data"] != again["data"], "a key of its own for each installation"


def test_a_made_token_is_long_and_its_secret_goes_with_the_release() -> None:
    made = secrets()["edge-admin"]
    assert re.fullmatch(r"[A-Za-z0-9]{40}", base64.b64decode(made["data"]["token"]).decode())
    assert "annotations" not in made["metadata"]


def test_secrets_are_looked_up_before_they_are_made() -> None:
    """What a cluster answers is tested on one: tests/kube."""
    text = (CHART / "templates/secrets.yaml").read_text("utf-8")
    assert text.count('(lookup "v1" "Secret" .Release.Namespace') == len(secrets()) == 2


def test_given_secrets_are_used_and_none_made() -> None:
    values = {
        "gossip": {"existingSecret": "ring", "secretKey": "ring.txt"},
        "admin": {"existingSecret": "door", "secretKey": "word"},
    }
    made = render(values)
    assert not made.all("Secret")
    mounted = {one["name"]: one["secret"]["secretName"] for one in made.pod["volumes"] if "secret" in one}
    assert mounted == {"keys": "ring", "admin": "door"}
    assert made.env["EDGE_GOSSIP_KEYS_FILE"] == "/etc/edge/keys/ring.txt"
    assert made.env["EDGE_ADMIN_TOKEN_FILE"] == "/etc/edge/admin/word"
    assert "no key ring was given" not in made.notes


def test_a_changed_ring_arrives_in_the_running_pod() -> None:
    """A mount by subPath would never be updated."""
    for one in render().edge["volumeMounts"]:
        assert "subPath" not in one


def test_a_made_key_is_warned_of_for_argo_cd() -> None:
    assert re.search(r"no key ring was given(.|\n)*Argo CD(.|\n)*gossip.existingSecret", render().notes)


def test_no_secret_is_in_a_config_map_or_variable() -> None:
    made = render(where=Where(name="edge"))
    hidden = [value for one in made.all("Secret") for value in one["data"].values()]
    shown = "".join(text for path, text in made.texts.items() if not path.endswith("secrets.yaml"))
    assert hidden
    assert not [one for one in hidden if one in shown or base64.b64decode(one).decode() in shown]
