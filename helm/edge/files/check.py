"""What `helm test` runs inside the cluster: `check.py members|route|purge`. Standard library only.

Each tries until it succeeds or the time is over, and then says what was seen last.
"""

import http.client
import json
import os
import socket
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

HEADLESS = os.environ[
    "CHECK_HEADLESS"
]  # host:admin port of the headless Service, or a comma list of addresses
SERVICE = os.environ["CHECK_SERVICE"]  # URL of the client Service
TOKEN_FILE = os.environ.get("CHECK_TOKEN_FILE", "")
SCHEME = os.environ.get("CHECK_ADMIN_SCHEME", "http")
CERT_FILE, KEY_FILE = os.environ.get("CHECK_CERT_FILE", ""), os.environ.get("CHECK_KEY_FILE", "")
REPLICAS = int(os.environ.get("CHECK_REPLICAS") or 0)  # 0: as many as the headless Service names
PATH = os.environ.get("CHECK_PATH", "/live/main.m3u8")
HAS_ORIGIN = os.environ.get("CHECK_HAS_ORIGIN") == "true"
FOLLOW = os.environ.get("CHECK_FOLLOW") == "true"
TIMEOUT_S = float(os.environ.get("CHECK_TIMEOUT_S") or 60)
ANSWER_S = 5.0
PAUSE_S = 0.5


class NotYetError(Exception):
    """What was wrong at this try."""


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to us."""

    def redirect_request(self, *_args: object) -> None:
        return None


# What is tried is the way, not the name: no certificate is for a Service inside the cluster.
_TLS = ssl.create_default_context()
_TLS.check_hostname = False
_TLS.verify_mode = ssl.CERT_NONE
if CERT_FILE:
    _TLS.load_cert_chain(CERT_FILE, KEY_FILE)
_OPENER = urllib.request.build_opener(
    urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=_TLS), _Stay
)


def ask(url: str, body: object = None, *, token: bool = False) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of a GET, or of a POST where there is a body."""
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if token and TOKEN_FILE:
        headers["Authorization"] = "Bearer " + Path(TOKEN_FILE).read_text().strip()
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers)
    try:
        with _OPENER.open(request, timeout=ANSWER_S) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as answer:
        return answer.code, dict(answer.headers), answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotYetError(f"{url}: {error}") from None


def pods() -> list[str]:
    """The admin URL of every pod, those included that are not ready."""
    found: dict[str, None] = {}
    for one in HEADLESS.split(","):
        host, _, port = one.rpartition(":")
        try:
            answers = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        except OSError as error:
            raise NotYetError(f"{host} does not resolve: {error}") from None
        for family, *_, address in answers:
            name = f"[{address[0]!s}]" if family is socket.AF_INET6 else str(address[0])
            found[f"{SCHEME}://{name}:{port}"] = None
    if REPLICAS and len(found) != REPLICAS:
        raise NotYetError(f"{len(found)} pods where {REPLICAS} are wanted: {', '.join(found)}")
    return list(found)


def admin(pod: str, path: str, body: object = None) -> dict[str, Any]:
    """A pod's answer on its admin port."""
    status, _, text = ask(pod + path, body, token=True)
    if status not in (200, 202):
        raise NotYetError(f"{pod}{path}: {status} {text[:200].decode(errors='replace').strip()}")
    answer: dict[str, Any] = json.loads(text)
    return answer


def members() -> str:
    """Every pod sees exactly all pods alive, and all see the same ones."""
    every = pods()
    seen: dict[str, list[str]] = {}
    for pod in every:
        found = admin(pod, "/v1/members")["members"]
        seen[pod] = sorted(one["name"] for one in found if one["status"] == "alive")
    for pod, alive in seen.items():
        if len(alive) != len(every) or alive != seen[every[0]]:
            raise NotYetError(f"{pod} sees {len(alive)} of {len(every)} alive: {', '.join(alive)}")
    return f"each of {len(every)} pods sees the same {len(every)} alive: {', '.join(seen[every[0]])}"


def route() -> str:
    """The client Service names a node; that node answers, with the object where there is an origin."""
    status, headers, text = ask(f"{SERVICE}/v1/route?path={quote(PATH)}")
    if status != 302:
        raise NotYetError(f"{SERVICE} answered {status}: {text[:200].decode(errors='replace').strip()}")
    where = headers["Location"]
    chosen = headers.get("Edge-Route", "").partition(";")[0]
    if not FOLLOW:
        return f"routed to {chosen} at {where} (an address that is not meant for this network)"
    status, _, body = ask(where)
    if HAS_ORIGIN and status != 200:
        raise NotYetError(f"{chosen} at {where} answered {status}")
    return f"routed to {chosen}; {where} answered {status} with {len(body)} bytes"


def purge() -> str:
    """A purge given to one pod is acknowledged by all."""
    every = pods()
    made = admin(every[0], "/v1/purge", {"prefix": "/helm-test/", "ttl_s": 60})
    until = time.monotonic() + ANSWER_S
    reached: list[str] = []
    while time.monotonic() < until:
        for one in admin(every[0], "/v1/events")["events"]:
            if one["key"] == made["key"] and one["time"] >= made["time"]:
                reached = one["reached"]
        if len(reached) == len(every):
            return f"purge acknowledged by all {len(every)}: {', '.join(reached)}"
        time.sleep(PAUSE_S / 5)
    raise NotYetError(f"purge acknowledged by {len(reached)} of {len(every)}: {', '.join(reached)}")


CHECKS: dict[str, Callable[[], str]] = {"members": members, "route": route, "purge": purge}


def main(name: str) -> int:
    """Try one check until the time is over; the exit status."""
    until = time.monotonic() + TIMEOUT_S
    while True:
        try:
            print(CHECKS[name]())
        except NotYetError as error:
            if time.monotonic() > until:
                print(f"{name}: {error}", file=sys.stderr)
                return 1
            time.sleep(PAUSE_S)
        else:
            return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
