"""nginx as the second container, TLS for whoever serves, and several origins."""

import getpass
import json
import subprocess
from pathlib import Path

import helm_python
import pytest

from certificates import Authority
from edge import app
from edge.config import Config, Source, load
from edge.config.nginx import NginxConfig
from edge.nginx.render import render as rendered
from helm.pods import POD, filled
from helm.render import CHART, CI, Object, Rendered, Values, render, values_of
from needs import needs

OFF: Values = {"nginx": {"enabled": False}}
TLS: Values = {"public": {"advertise": "template", "tls": {"secretName": "web"}}}


def nginx(values: Values | None = None) -> Object:
    """The container, which must be there."""
    found = render(values).nginx
    assert found
    return found


def mounts(container: Object) -> dict[str, tuple[str, bool]]:
    return {one["name"]: (one["mountPath"], one.get("readOnly", False)) for one in container["volumeMounts"]}


def variables(container: Object) -> dict[str, str]:
    return {one["name"]: one["value"] for one in container["env"]}


def config_of(made: Rendered, **replaced: str) -> Config:
    """What the node and `edge nginx-config` read in the pod edge-1."""
    v6 = {"status.podIP": "fd00::3", "status.hostIP": "fd00::7"} if "[::]" in str(made.env) else {}
    env = filled(made, POD | v6) | replaced
    return load(
        Source.environment(env), Source.toml(made.one("ConfigMap", "node")["data"]["edge.toml"], "toml")
    )


def test_viewers_come_to_nginx_and_the_node_answers_it_on_loopback() -> None:
    made = render()
    assert [one["name"] for one in nginx()["ports"]] == ["http-public"]
    assert [one["name"] for one in made.edge["ports"]] == ["udp-gossip", "http-admin"]
    config = config_of(made)
    assert config.cache.backend == "nginx"
    assert config.public.bind == "0.0.0.0:7780"
    assert (config.nginx.bind, config.nginx.status_bind) == ("127.0.0.1:7781", "127.0.0.1:7782")
    v6 = config_of(render({"ipFamily": "IPv6"})).nginx
    assert (v6.bind, v6.status_bind) == ("[::1]:7781", "[::1]:7782")


def test_without_it_the_node_serves_viewers_and_nothing_is_left_of_it() -> None:
    made = render(OFF)
    assert made.nginx is None
    assert [one["name"] for one in made.edge["ports"]] == ["udp-gossip", "http-admin", "http-public"]
    assert "initContainers" not in made.pod
    assert not [
        path
        for path, text in made.texts.items()
        if "nginx" in text.lower() and not path.endswith("NOTES.txt")
    ]
    assert config_of(made).cache.backend == "embedded"


def test_both_share_the_volume_and_the_user() -> None:
    made = render()
    folder = made.env["EDGE_NGINX_FOLDER"]
    assert mounts(made.edge)["cache"] == mounts(nginx())["cache"] == ("/var/cache/edge", False)
    assert folder.startswith("/var/cache/edge/")
    assert folder in nginx()["command"]
    assert made.pod["securityContext"]["runAsUser"] == 65532
    assert not [one for one in made.pod["containers"] if "runAsUser" in one["securityContext"]]


def test_it_is_as_restricted_as_the_node() -> None:
    """tests/helm/test_security.py looks at all containers; here at what this one sees."""
    assert nginx()["securityContext"] == render().edge["securityContext"]
    assert nginx()["resources"]["limits"]["memory"]
    assert "cpu" not in nginx()["resources"]["limits"]
    seen = mounts(nginx(TLS))
    assert set(seen) == {"config", "nginx", "cache", "tls"}
    assert [name for name, (_, read_only) in seen.items() if not read_only] == ["cache"]


@pytest.mark.parametrize(
    ("size", "disk", "shares"),
    [
        ("1Gi", False, (1 << 29, None)),
        ("8Gi", True, (4 << 30, 2 << 30)),
        ("10G", True, (5 * 10**9, 25 * 10**8)),
    ],
)
def test_what_is_stored_leaves_room_for_the_log_and_what_comes_in_some_seconds(
    size: str, disk: bool, shares: tuple[int, int | None]
) -> None:
    config = config_of(render({"cache": {"disk": disk, "volume": {"size": size}}}))
    assert (config.nginx.max_bytes, config.cache.disk_max_bytes if disk else None) == shares


def test_the_configuration_is_made_before_from_what_the_node_has() -> None:
    made = render({"extraEnv": [{"name": "EDGE_NODE_REGION", "value": "west"}]})
    (first,) = made.pod["initContainers"]
    assert first["args"][:3] == ["nginx-config", *made.edge["args"][1:]]
    assert first["env"] == made.edge["env"]
    assert first["image"] == made.edge["image"]
    file = first["args"][-1]
    assert file in nginx()["command"]
    assert mounts(first)["nginx"] == (str(Path(file).parent), False)
    assert mounts(nginx())["nginx"] == (str(Path(file).parent), True)


@needs("nginx")
@pytest.mark.parametrize("path", CI, ids=lambda path: path.stem.removesuffix("-values"))
def test_nginx_understands_the_configuration_of_each_values_file(path: Path, tmp_path: Path) -> None:
    made = render(values_of(path))
    if made.nginx is None:
        assert path.stem == "embedded-values"
        return
    replaced = {"EDGE_NGINX_FOLDER": str(tmp_path), "EDGE_NGINX_USER": getpass.getuser()}
    if "EDGE_PUBLIC_TLS_CERT_FILE" in made.env:
        cert, key = Authority(tmp_path).sign("web", "edge.example.com")
        replaced |= {"EDGE_PUBLIC_TLS_CERT_FILE": str(cert), "EDGE_PUBLIC_TLS_KEY_FILE": str(key)}
    conf = tmp_path / "nginx.conf"
    conf.write_text(rendered(config_of(made, **replaced)), "utf-8")
    command = ["nginx", "-t", "-p", str(tmp_path), "-c", str(conf)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr


def test_the_script_is_the_tested_one_and_a_new_one_restarts_the_pods() -> None:
    """tests/nginx/test_script.py tests it."""
    made = render()
    script = made.one("ConfigMap", "node")["data"]["nginx.sh"]
    assert script.strip() == (CHART / "files/nginx.sh").read_text("utf-8").strip()
    assert nginx()["command"][:2] == ["/bin/sh", f"{mounts(nginx())['config'][0]}/nginx.sh"]
    annotations = [
        render(values).one("StatefulSet")["spec"]["template"]["metadata"]["annotations"]["checksum/config"]
        for values in ({}, OFF)
    ]
    assert annotations[0] != annotations[1]


@pytest.mark.parametrize(("drain_s", "grace_s"), [(0.5, 30), (5, 30), (20, 60)])
def test_it_serves_on_until_the_node_has_said_goodbye_and_ends_in_time(drain_s: float, grace_s: int) -> None:
    values = {"config": {"node": {"drain_s": drain_s}}, "terminationGracePeriodSeconds": grace_s}
    env = variables(nginx(values))
    leaves_after_s, close_s = float(env["LEAVE_AFTER_S"]), float(env["CLOSE_S"])
    assert drain_s < leaves_after_s < drain_s + app.LINGER_S
    assert close_s == max(app.CLOSE_S, drain_s)
    assert leaves_after_s + close_s < grace_s - 4
    assert "lifecycle" not in nginx()


def test_a_probe_asks_only_whether_it_takes_connections() -> None:
    """It is ready where the node says so: tests/nginx/test_serving.py."""
    assert nginx()["livenessProbe"]["tcpSocket"] == {"port": "http-public"}
    assert "readinessProbe" not in nginx()


@pytest.mark.parametrize(
    ("values", "image"),
    [
        ({}, "docker.io/nginxinc/nginx-unprivileged:1.28-alpine"),
        ({"nginx": {"image": {"registry": "localhost", "repository": "n", "tag": "2"}}}, "localhost/n:2"),
        ({"global": {"imageRegistry": "r.example"}}, "r.example/nginxinc/nginx-unprivileged:1.28-alpine"),
        (
            {"nginx": {"image": {"digest": "sha256:" + "0" * 64}}},
            "docker.io/nginxinc/nginx-unprivileged@sha256:" + "0" * 64,
        ),
    ],
)
def test_its_image_is_a_value(values: Values, image: str) -> None:
    assert nginx(values)["image"] == image
    if not values:
        assert f"image: {image}\n" in (CHART / "Chart.yaml").read_text("utf-8")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"nginx": {"fillPort": 7701}}, "nginx.fillPort and nginx.statusPort are 7701 and 7782: give each"),
        ({"cache": {"volume": {"size": "32Mi"}}}, "cache.volume.size is 32Mi: nginx needs 64Mi"),
        (
            {"origin": {"url": "http://a.example", "servers": [{"url": "http://b.example"}]}},
            "origin.url and origin.servers are both set",
        ),
        (
            {"public": {**TLS["public"], "template": "http://{pod}.example.com"}},
            r"public.tls.secretName is set, but the template http://\{pod\}.example.com says http://",
        ),
        ({**TLS, "demo": {"viewers": {"count": 1}}}, "the demo's viewers do not speak TLS"),
    ],
)
def test_values_that_contradict_each_other_are_refused(values: Values, words: str) -> None:
    with pytest.raises(helm_python.HelmError, match=words):
        render(values)


@pytest.mark.parametrize("more", [{}, OFF], ids=["nginx", "embedded"])
def test_tls_comes_from_a_secret_that_is_read_again(more: Values) -> None:
    given = {"secretName": "web", "certKey": "web.pem", "caKey": "ca.crt", "peerName": "edge.example.com"}
    made = render({"public": {"tls": given}, **more})
    public = config_of(made).public
    folder = mounts(made.edge)["tls"][0]
    assert public.tls_cert_file == f"{folder}/web.pem"
    assert public.tls_key_file == f"{folder}/tls.key"
    assert (public.tls_ca_file, public.tls_peer_name) == (f"{folder}/ca.crt", "edge.example.com")
    assert public.advertise == "https://10.1.2.3:7780"
    (volume,) = [one["secret"] for one in made.pod["volumes"] if one["name"] == "tls"]
    assert volume == {"secretName": "web", "defaultMode": 0o440}
    for one in [made.edge, *([made.nginx] if made.nginx else [])]:
        assert mounts(one)["tls"] == (folder, True)
        assert "subPath" not in json.dumps(one["volumeMounts"])
    if made.nginx:
        assert made.nginx["command"][-2:] == [public.tls_cert_file, public.tls_key_file]


def test_without_a_secret_there_is_no_tls() -> None:
    made = render()
    assert "tls" not in {one["name"] for one in made.pod["volumes"]}
    assert not config_of(made).public.tls_cert_file
    assert len(nginx()["command"]) == 4


@pytest.mark.parametrize("advertise", ["podIP", "template", "hostPort"])
def test_every_way_to_a_pod_is_https_then(advertise: str) -> None:
    made = render({"public": {**TLS["public"], "advertise": advertise}})
    assert filled(made, POD)["EDGE_PUBLIC_ADVERTISE"].startswith("https://")
    ports = [port for one in made.all("Service") for port in one["spec"]["ports"]]
    assert {one["appProtocol"] for one in ports if one["name"] == "http-public"} == {"https"}
    (service,) = {
        one["value"]
        for pod in made.all("Pod", "test")
        for one in pod["spec"]["containers"][0]["env"]
        if one["name"] == "CHECK_SERVICE"
    }
    assert service == "https://edge:80"
    assert f"  {service.replace('edge:80', 'edge.video.svc.cluster.local:80')}/v1/route" in made.notes


def test_addresses_that_no_certificate_names_are_warned_of() -> None:
    def warned(values: Values) -> set[str]:
        notes = render({"public": {"tls": {"secretName": "web", **values.pop("tls", {})}, **values}}).notes
        words = ("viewers are sent to https://ADDRESS", "they will not fill from each\nother")
        return {one for one in words if one in notes}

    assert len(warned({})) == 2
    assert warned({"tls": {"peerName": "edge.example.com"}}) == {"viewers are sent to https://ADDRESS"}
    assert warned({"advertise": "hostPort"}) == {"they will not fill from each\nother"}
    assert warned({"advertise": "template"}) == set()


def test_several_origins_reach_the_program() -> None:
    config = config_of(render(values_of(CHART / "ci/tls-values.yaml")))
    assert config.cache.origins == (
        "https://origin-a.example.com;priority=1;weight=2",
        "https://origin-b.example.com:8443;priority=1;weight=1",
        "http://backup.example.com;priority=2;weight=1",
    )
    assert config.origin.check_path == "/healthz"
    assert "no origin" not in render({"origin": {"servers": [{"url": "http://a.example"}]}}).notes


def test_the_ports_on_loopback_are_those_that_the_program_would_take() -> None:
    made = config_of(render()).nginx
    assert (made.bind, made.status_bind) == (NginxConfig().bind, NginxConfig().status_bind)
