"""The routes of the admin port: what role each wants, what it takes and gives. Its description is made of this table.

A route that is not in it wants the greatest role. So a new one is safe before it is described here, and a test asks
that it be.
"""

from dataclasses import dataclass
from typing import NamedTuple

from edge.gossip.bulk import PATH as SYNC
from edge.shell import adminschemas as of
from edge.shell.adminschemas import Schema
from edge.shell.credentials import Role

JSON, TEXT, STREAM, OCTETS = "application/json", "text/plain", "text/event-stream", "application/octet-stream"
PAGE = "text/html"


class Param(NamedTuple):
    """A field of a query."""

    name: str
    about: str
    schema: Schema
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One route."""

    about: str
    role: Role | None = Role.READ  # None: open to all
    status: int = 200  # where all is well
    gives: str = JSON
    answer: Schema | None = None
    body: Schema | None = None
    params: tuple[Param, ...] = ()
    errors: tuple[int, ...] = ()  # beside those that all routes of its kind have
    audited: tuple[str, ...] = ()  # fields of the body that may be written down; none of what is secret


_MAJORITY = Param(
    "majority", "Refuse where this node is cut off from the larger part of the cluster.", of.TEXT
)
_ABOUT = (
    Param("path", "What is to be played.", of.text(2048, "^/"), required=True),
    *(Param(name, f"The viewer's {name}.", of.text(63)) for name in ("zone", "region", "isp")),
    Param("node", "Where he is now.", of.text(63)),
    Param("address", "His address, which may stand for a place.", of.TEXT),
)
_ORDERED = (409, 503)

RULES: dict[tuple[str, str], Rule] = {
    ("GET", "/"): Rule(about="The live page.", role=None, gives=PAGE),
    ("GET", "/page"): Rule(about="Parts of the live page.", role=None, gives=PAGE),
    ("GET", "/healthz"): Rule(about="Whether the process runs.", role=None, gives=TEXT),
    ("GET", "/readyz"): Rule(about="Whether viewers should come.", role=None, gives=TEXT, errors=(503,)),
    ("GET", "/metrics"): Rule(about="Metrics, as Prometheus reads them.", role=None, gives=TEXT),
    ("GET", SYNC): Rule(
        about="Sync between nodes; wants a frame that is sealed with the cluster's keys.",
        role=None,
        gives=OCTETS,
        errors=(401, 421, 503),
    ),
    ("GET", "/v1/openapi.json"): Rule(about="This description.", role=None, answer=of.ANY),
    ("GET", "/v1/members"): Rule(about="The members.", answer=of.MEMBERS),
    ("GET", "/v1/view"): Rule(about="All that this node knows.", answer=of.VIEW),
    ("GET", "/v1/stream"): Rule(about="The view, about twice a second.", gives=STREAM, errors=(503,)),
    ("GET", "/v1/events"): Rule(about="What happened, and what every node must hear of.", answer=of.EVENTS),
    ("GET", "/v1/events/stream"): Rule(about="The same, as it happens.", gives=STREAM, errors=(503,)),
    ("POST", "/v1/events"): Rule(
        about="Tell every node a key and a body.",
        role=Role.OPERATE,
        status=202,
        body=of.EVENT,
        answer=of.TOLD,
        errors=_ORDERED,
        audited=("key", "ttl_s"),
    ),
    ("POST", "/v1/purge"): Rule(
        about="Purge objects from every cache, by URL, prefix or tag.",
        role=Role.PURGE,
        status=202,
        body=of.PURGE,
        answer=of.TOLD,
        errors=_ORDERED,
        audited=("url", "prefix", "tag", "soft", "ttl_s"),
    ),
    ("GET", "/v1/route"): Rule(
        about="Where a viewer would be sent, and why.", answer=of.EXPLAINED, params=_ABOUT, errors=(400,)
    ),
    ("GET", "/v1/monsoon"): Rule(about="How degraded service is.", answer=of.MONSOON),
    ("POST", "/v1/monsoon"): Rule(
        about="Force a level of degradation for a while, or withdraw that.",
        role=Role.OPERATE,
        status=202,
        body=of.OVERRIDE,
        answer=of.TOLD,
        errors=_ORDERED,
        audited=("scope", "name", "level", "for_s"),
    ),
    ("GET", "/v1/prewarm"): Rule(about="What is fetched before anybody asks.", answer=of.PREWARM),
    ("POST", "/v1/prewarm"): Rule(
        about="Announce what will be watched, or withdraw that.",
        role=Role.OPERATE,
        status=202,
        body=of.ANNOUNCEMENT,
        answer=of.TOLD,
        errors=_ORDERED,
        audited=("path", "at", "zone", "cancel"),
    ),
    ("GET", "/v1/quality"): Rule(about="What players tell, by place.", answer=of.QUALITY),
    ("GET", "/v1/log"): Rule(about="What this node logs.", answer=of.LOG_STATUS),
    ("POST", "/v1/log"): Rule(
        about="Log more or less for a while.",
        role=Role.OPERATE,
        body=of.LOG,
        answer=of.LOG_STATUS,
        audited=("level", "logger", "for_s"),
    ),
    ("GET", "/v1/schedule"): Rule(about="Events to come, and whether there is room.", answer=of.SCHEDULE),
    ("POST", "/v1/schedule"): Rule(
        about="Schedule an event, or change it.",
        role=Role.OPERATE,
        status=202,
        body=of.SCHEDULED,
        answer=of.TOLD,
        errors=_ORDERED,
        audited=("name", "at", "expected_peak", "growth_per_minute", "duration_s"),
    ),
    ("DELETE", "/v1/schedule/{name}"): Rule(
        about="Withdraw an event.",
        role=Role.OPERATE,
        status=202,
        answer=of.TOLD,
        params=(_MAJORITY,),
        errors=(400, *_ORDERED),
    ),
    ("GET", "/v1/keys"): Rule(
        about="Who holds which key of the gossip; ids and prints, no keys.", answer=of.KEYS
    ),
    ("POST", "/v1/keys"): Rule(
        about="Install a key, seal with it, or remove it; one that is installed comes by TLS or from loopback.",
        role=Role.OPERATE,
        status=202,
        body=of.KEY_ORDER,
        answer=of.TOLD,
        errors=(403, *_ORDERED),
        audited=("force",),  # ids are told by the event; a key that was written in the place of an id by none
    ),
    ("GET", "/v1/audit"): Rule(
        about="The last orders that this node was given, and what came of them.",
        role=Role.OPERATE,
        answer=of.AUDIT,
    ),
}
UNKNOWN = Rule(about="", role=Role.OPERATE)
PURGE_METHOD = Rule(about="PURGE at the public port.", role=Role.PURGE)
