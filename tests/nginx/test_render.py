import getpass
import subprocess
import sys
from pathlib import Path

import pytest

from edge.config import Source, load
from edge.model import ConfigError
from edge.nginx.render import render
from needs import needs

USED = {"node.name": "pune", "cache.backend": "nginx", "nginx.folder": "/shared"}


def rendered(**settings: str) -> str:
    given = {name.replace("__", "."): value for name, value in settings.items()}
    return render(load(Source.flags({**USED, **given})))


def test_equal_settings_make_equal_text() -> None:
    assert rendered() == rendered()


@needs("nginx")
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"public__bind": "[::1]:7780", "nginx__bind": "[::1]:7781", "nginx__status_bind": "[::1]:7782"},
        {"public__bind": "0.0.0.0:7780", "public__advertise": "http://pune.example"},
        {"nginx__recorded": "/vod/,/archive/", "nginx__workers": "3", "nginx__objects_max": "1000"},
    ],
    ids=["defaults", "IPv6", "open", "more"],
)
def test_nginx_understands_it(tmp_path: Path, settings: dict[str, str]) -> None:
    conf = tmp_path / "nginx.conf"
    shared = tmp_path / "shared"
    shared.mkdir()
    conf.write_text(rendered(**settings, nginx__folder=str(shared), nginx__user=getpass.getuser()))
    command = ["nginx", "-t", "-p", str(shared), "-c", str(conf)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
    assert "[alert]" not in done.stderr


def test_the_command_prints_it(tmp_path: Path) -> None:
    file = tmp_path / "edge.toml"
    file.write_text('[node]\nname = "pune"\n[nginx]\nfolder = "/shared"\n')
    command = [sys.executable, "-m", "edge", "nginx-config", "--config", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    assert done.stdout == rendered()


def test_the_command_writes_it_where_it_is_told_to(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "edge", "nginx-config", "--node-name=pune", "--nginx-folder=/shared"]
    made = tmp_path / "nginx.conf"
    done = subprocess.run([*command, f"--to={made}"], capture_output=True, text=True, timeout=20, check=True)
    assert (done.stdout, made.read_text()) == ("", rendered())
    done = subprocess.run(
        [*command, f"--to={tmp_path}/none/nginx.conf"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--to: " in done.stderr


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"nginx.folder": ""}, "nginx.folder: is needed with cache.backend = nginx"),
        ({"nginx.folder": "/a b"}, "--nginx-folder: '/a b' does not fit"),
        ({"public.bind": "127.0.0.1:0"}, "public.bind: has port 0"),
        ({"nginx.bind": "0.0.0.0:7781"}, "nginx.bind: 0.0.0.0:7781 is open to others; bind it to 127.0.0.1"),
        ({"nginx.status_bind": "10.0.0.1:80"}, "nginx.status_bind: 10.0.0.1:80 is open to others"),
        ({"nginx.recorded": "/vod/,x;y"}, "nginx.recorded[1]: 'x;y' is no prefix of a path"),
        (
            {"public.tls_cert_file": "tls.crt", "public.tls_key_file": "/tls.key"},
            "public.tls_cert_file: 'tls.crt' cannot stand in nginx's configuration; write an absolute path",
        ),
        (
            {"public.tls_cert_file": "/tls.crt", "public.tls_key_file": "/a;b"},
            "public.tls_key_file: '/a;b' cannot stand in nginx's configuration",
        ),
    ],
)
def test_mistakes_are_told(settings: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError) as told:
        load(Source.flags({**USED, **settings}))
    assert words in str(told.value)


def test_settings_of_nginx_bind_nobody_who_does_not_use_it() -> None:
    load(Source.flags({"node.name": "pune", "public.bind": "127.0.0.1:0", "nginx.bind": "0.0.0.0:1"}))
