"""The pods' own keys: where they are kept, and who can read them."""

import pytest

from helm.render import Values, render
from helm.test_nginx import mounts

OFF: Values = {"config": {"identity": {"signatures": "off"}}}
FILE = "/var/lib/edge/identity.pem"


def test_pods_sign_by_default_with_a_key_that_lasts_as_long_as_the_pod() -> None:
    made = render()
    assert 'signatures = "verify"' in made.one("ConfigMap", "node")["data"]["edge.toml"]
    assert made.env["EDGE_IDENTITY_FILE"] == FILE
    assert mounts(made.edge)["identity"] == ("/var/lib/edge", False)
    (volume,) = [one for one in made.pod["volumes"] if one["name"] == "identity"]
    assert volume["emptyDir"] == {"medium": "Memory", "sizeLimit": "1Mi"}


def test_no_other_container_mounts_it() -> None:
    containers = [*render().pod["initContainers"], *render().pod["containers"]]
    assert [one["name"] for one in containers if "identity" in mounts(one)] == ["edge"]


@pytest.mark.parametrize("mode", ["verify", "require"])
def test_the_mode_is_a_value(mode: str) -> None:
    made = render({"config": {"identity": {"signatures": mode}}})
    assert f'signatures = "{mode}"' in made.one("ConfigMap", "node")["data"]["edge.toml"]
    assert made.env["EDGE_IDENTITY_FILE"] == FILE


def test_who_does_not_sign_has_no_key() -> None:
    made = render(OFF)
    assert "EDGE_IDENTITY_FILE" not in made.env
    assert "identity" not in mounts(made.edge)
    assert "identity" not in {one["name"] for one in made.pod["volumes"]}


def test_the_notes_warn_of_pods_that_do_not_sign() -> None:
    assert "identity.signatures is off" in render(OFF).notes
    assert "identity.signatures is off" not in render().notes
