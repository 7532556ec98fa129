"""Decides who is let in at the admin port, and writes down what he orders.

Health, metrics, the live page and the sync between nodes are open, as the table of routes says; the rest of /v1 wants a
role: of a token, or of a client certificate. Where neither is configured, which is on loopback only, whoever asks by
address may do everything.
"""

import ipaddress
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from yarl import URL

from edge.config import AdminConfig
from edge.shell.adminroutes import RULES, UNKNOWN, Rule
from edge.shell.admintls import AdminTls, holder
from edge.shell.audit import Audit, Order, event_of, told_of
from edge.shell.credentials import Caller, Role, Tokens
from edge.shell.doors import Doors
from edge.shell.limits import Clock, Seldom, WriteLimits
from edge.shell.reread import Rereader

log = logging.getLogger(__name__)

ASKED = web.RequestKey("edge.asked", object)  # what the body of a request says
_CALLER = web.RequestKey("edge.caller", Caller)
REASONS = (
    *("token", "certificate", "host", "role", "rate"),  # requests
    *("connections", "handshake", "slow", "stalled", "malformed"),  # connections
)
_NOBODY = Caller("anyone", Role.OPERATE)  # where nobody has to say who he is
_PATH_MAX = 256  # of a path that is written down
_BEARER = "Bearer "
_READS = frozenset(("GET", "HEAD"))


@dataclass(slots=True)
class AdminCounters:
    """What a node counts of its admin port."""

    answers: dict[str, int]  # by class of status code
    refused: dict[str, int]  # by reason


class Warden:
    """Lets callers in, or says why not.

    Args:
        config: the settings of the admin port.
        clock: seconds, monotonic.

    Raises:
        ConfigError: a file cannot be used.
    """

    def __init__(self, config: AdminConfig, clock: Clock = time.monotonic) -> None:
        self.files = Rereader()
        self.tls = AdminTls(config, self.files)
        self._tokens = Tokens(config, self.files)
        self._limits = WriteLimits(config, clock)
        self._seldom = Seldom(log, clock)
        self.audit = Audit()
        self.doors: Doors | None = None  # told of requests; none where connections are not watched
        self.counters = AdminCounters(
            {f"{hundreds}xx": 0 for hundreds in range(2, 6)}, dict.fromkeys(REASONS, 0)
        )

    @property
    def wants_token(self) -> bool:
        """Whether this node has tokens at all."""
        return self._tokens.wanted

    def refusal(self, request: web.Request) -> web.Response | None:
        """Why this is not answered; None where it is."""
        rule = rule_of(request)
        return self.refused_by(request, rule) if rule and rule.role else None

    def refused_by(self, request: web.BaseRequest, rule: Rule) -> web.Response | None:
        """The same, by a rule that is known."""
        caller = self._caller(request)
        if isinstance(caller, web.Response):
            return caller
        request[_CALLER] = caller
        if request.method not in _READS:
            who = f"{caller.name} {request.remote}" if caller is _NOBODY else caller.name
            if wait_s := self._limits.refused_s(who):
                text = f"too many orders: {who} is to wait {wait_s} s\n"
                return self._refuse(request, "rate", 429, text, {"Retry-After": str(wait_s)})
        if rule.role and caller.role < rule.role:
            text = f"wants role {rule.role.text}, and {caller.name} has role {caller.role.text}\n"
            refused = self._refuse(request, "role", 403, text, {})
            self.note(request, rule, refused)
            return refused
        return None

    def note(self, request: web.BaseRequest, rule: Rule, response: web.StreamResponse) -> None:
        """An order was answered: it is written down."""
        caller = request.get(_CALLER, None)
        if request.method in _READS or caller is None:
            return
        body = response.body if isinstance(response, web.Response) else None
        self.audit.add(
            Order(
                who=caller.name,
                role=caller.role.text,
                address=request.remote or "",
                method=request.method,
                path=request.rel_url.raw_path[:_PATH_MAX],
                what=told_of(request.get(ASKED, None), rule.audited),
                status=response.status,
                event=event_of(body) if response.status in (200, 202) else {},
            )
        )

    def answered(self, request: web.Request, response: web.StreamResponse) -> None:
        """A request is over: it is counted, and written down if it was an order."""
        self.counters.answers[f"{response.status // 100}xx"] += 1
        if response.status not in (403, 429) and (rule := rule_of(request)):
            self.note(request, rule, response)

    def count(self, reason: str, address: str) -> None:
        """A connection was ended for a reason."""
        self.counters.refused[reason] += 1
        self._seldom.warn(reason, f"a connection of {address} was ended: {reason}")

    def _caller(self, request: web.BaseRequest) -> Caller | web.Response:
        """Who asks; the greater role counts where a token and a certificate both name one."""
        open_to_all, shown = not self._tokens.wanted, _certificate(request)
        if open_to_all and not _names_an_address(request.host):
            # without a token, a foreign page could rebind its own name to this address and read what it likes
            host = request.host.encode(errors="replace").decode()  # it may be no UTF-8
            text = f"host {host}: ask by IP address or as localhost\n"
            return self._refuse(request, "host", 403, text, {})
        if self.tls.wants_client and not shown:
            return self._refuse(request, "certificate", 401, "wants a client certificate\n", {})
        found = [holder(shown, Role.OPERATE if open_to_all else None)] if shown else []
        given = request.headers.get("Authorization", "")
        if not open_to_all and given:
            held = self._tokens.find(given.removeprefix(_BEARER).encode(errors="surrogateescape"))
            if held is None:
                return self._unauthorized(request)
            found.append(held)
        known = [one for one in found if one]
        if known:
            return max(known, key=lambda one: one.role)
        return _NOBODY if open_to_all else self._unauthorized(request)

    def _unauthorized(self, request: web.BaseRequest) -> web.Response:
        text, headers = "wants Authorization: Bearer <admin token>\n", {"WWW-Authenticate": "Bearer"}
        return self._refuse(request, "token", 401, text, headers)

    def _refuse(
        self, request: web.BaseRequest, reason: str, status: int, text: str, headers: Mapping[str, str]
    ) -> web.Response:
        self.counters.refused[reason] += 1
        where = f"{request.method} {request.rel_url.raw_path[:_PATH_MAX]}"
        self._seldom.warn(reason, f"{request.remote} was refused {where}: {text.strip()}")
        return web.Response(status=status, text=text, headers=headers)


def rule_of(request: web.Request) -> Rule | None:
    """The rule of the route that a request takes; None where there is no such route, and nothing to guard."""
    resource = request.match_info.route.resource
    method = "GET" if request.method == "HEAD" else request.method
    if resource is not None:
        return RULES.get((method, resource.canonical), UNKNOWN)
    return UNKNOWN if request.path.startswith("/v1/") else None


def _certificate(request: web.BaseRequest) -> Mapping[str, Any]:
    """The client's, which TLS has verified; nothing where there is none."""
    return (request.transport.get_extra_info("peercert") if request.transport else None) or {}


def _names_an_address(host: str) -> bool:
    try:
        name = URL(f"http://{host}").host or ""
        return name == "localhost" or bool(ipaddress.ip_address(name))
    except ValueError:
        return False
