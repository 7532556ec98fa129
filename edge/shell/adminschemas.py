"""JSON Schemas of what the admin port takes and gives, for its description."""

from typing import Any

from edge.cache.purge import KINDS, TAG_MAX_BYTES
from edge.decide.override import LEVEL_MAX, SCOPES
from edge.decide.scheduled import DURATION_MAX_S
from edge.shell.events import TTL_MAX_S
from edge.shell.loglevels import FOR_MAX_S, LEVELS

Schema = dict[str, Any]

_NAME_MAX = 63


def thing(required: dict[str, Schema], **optional: Schema) -> Schema:
    """An object of an answer; later versions may add fields."""
    return {"type": "object", "properties": required | optional, "required": list(required)}


def body(required: dict[str, Schema], **optional: Schema) -> Schema:
    """An object of a request: a field that is not known is a slip of the pen, and refused."""
    return thing(required, **optional) | {"additionalProperties": False}


def whole(least: int, greatest: int | None = None) -> Schema:
    """A whole number within bounds."""
    return {"type": "integer", "minimum": least} | ({"maximum": greatest} if greatest is not None else {})


def text(longest: int | None = None, pattern: str = "") -> Schema:
    """A text of so many characters at most."""
    bound = {} if longest is None else {"maxLength": longest}
    return {"type": "string"} | bound | ({"pattern": pattern} if pattern else {})


def one_of(*values: str | None) -> Schema:
    """One of these."""
    return {"enum": list(values)}


def many(each: Schema) -> Schema:
    """A list."""
    return {"type": "array", "items": each}


def by_name(each: Schema) -> Schema:
    """An object that has names as its keys."""
    return {"type": "object", "additionalProperties": each}


def maybe(schema: Schema) -> Schema:
    """It, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


NUMBER: Schema = {"type": "number"}
COUNT: Schema = NUMBER | {"minimum": 0}
TRUTH: Schema = {"type": "boolean"}
TEXT: Schema = {"type": "string"}
_PATH = text(512, "^/")
_MAJORITY = {
    "type": "boolean",
    "description": "Refuse where this node is cut off from the larger part of the cluster.",
}
_TTL = whole(1, TTL_MAX_S)

PURGE = body(
    {},
    url=_PATH,
    prefix=_PATH,
    tag=text(TAG_MAX_BYTES, r"^[\x21-\x2b\x2d-\x7e]+$"),
    soft=TRUTH,
    ttl_s=_TTL,
    majority=_MAJORITY,
) | {"oneOf": [{"required": [kind]} for kind in KINDS]}
EVENT = body({"key": text(512) | {"minLength": 1}}, body=TEXT, ttl_s=_TTL, majority=_MAJORITY)
OVERRIDE = body(
    {"level": maybe(whole(0, LEVEL_MAX))},
    scope=one_of(*SCOPES),
    name=text(_NAME_MAX),
    for_s=_TTL,
    majority=_MAJORITY,
)
ANNOUNCEMENT = body(
    {"path": _PATH}, at=NUMBER, zone=text(_NAME_MAX, "^[^:]*$"), cancel=TRUTH, majority=_MAJORITY
)
LOG = body({"level": one_of(*LEVELS, None)}, logger=TEXT, for_s=whole(1, FOR_MAX_S))
SCHEDULED = body(
    {"name": text(_NAME_MAX) | {"minLength": 1}, "at": COUNT, "expected_peak": COUNT},
    growth_per_minute=COUNT,
    duration_s={"type": "number", "minimum": 1, "maximum": DURATION_MAX_S},
    paths=many(_PATH),
    zones=by_name({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
    majority=_MAJORITY,
)

TOLD = thing(
    {
        "kind": TEXT,
        "key": TEXT,
        "body": TEXT,
        "origin": TEXT,
        "time": NUMBER,
        "ttl_s": whole(1),
        "reached": many(TEXT),
        "members": whole(0),
        "missing": many(TEXT),
        "acted_ms": by_name(whole(0)),
    }
) | {"description": "A durable event, and who is known to have acted on it."}
_SEEN = thing({"id": whole(1), "time": NUMBER, "kind": TEXT, "node": TEXT, "text": TEXT})
_MEMBER = thing(
    {
        "name": TEXT,
        "status": TEXT,
        "zone": TEXT,
        "region": TEXT,
        "isp": TEXT,
        "admin": TEXT,
        "public": TEXT,
        "gossip": TEXT,
    },
    load=maybe(thing({"streams": whole(0), "capacity": whole(0)})),
)
MEMBERS = thing({"self": TEXT, "cluster": TEXT, "members": many(_MEMBER)})
VIEW = thing(
    {
        "self": TEXT,
        "cluster": TEXT,
        "version": whole(0),
        "uptime_s": NUMBER,
        "totals": by_name(NUMBER),
        "partition": maybe(thing({"majority": TRUTH})),
        "members": many(_MEMBER),
        "hot": many(thing({"path": TEXT, "rate": NUMBER, "nodes": whole(0)})),
        "events": many(_SEEN),
    }
)
EVENTS = thing({"events": many(TOLD), "seen": many(_SEEN)})
EXPLAINED = thing(
    {"query": thing({}), "answer": maybe(thing({})), "reason": TEXT, "candidates": many(thing({}))}
)
MONSOON = thing(
    {
        "self": TEXT,
        "mode": TEXT,
        "level": whole(0, LEVEL_MAX),
        "since": NUMBER,
        "reason": TEXT,
        "signals": thing({}),
        "zones": many(thing({})),
        "overrides": many(thing({})),
        "transitions": many(thing({})),
    }
)
PREWARM = thing(
    {"self": TEXT, "trending": many(thing({})), "announced": many(thing({})), "counters": thing({})}
)
QUALITY = thing({}, self=TEXT, places=many(thing({})), samples=whole(0), room=thing({}))
LOG_STATUS = thing({"self": TEXT, "configured": TEXT, "format": TEXT, "changed": many(thing({}))})
SCHEDULE = thing({"self": TEXT, "nodes": whole(0), "capacity": whole(0), "events": many(thing({}))})
_KEY_ID = text(2, "^[0-9a-f]{2}$")
KEY_ORDER = body({}, install=TEXT, use=_KEY_ID, remove=_KEY_ID, force=TRUTH, majority=_MAJORITY) | {
    "oneOf": [{"required": [word]} for word in ("install", "use", "remove")]
}
KEYS = thing(
    {
        "self": TEXT,
        "cluster": TEXT,
        "file": TEXT,
        "trouble": TEXT,
        "unread": TEXT,
        "unsaved": TEXT,
        "waits": TEXT,
        "members": whole(0),
        "silent": many(TEXT),
        "keys": many(
            thing(
                {
                    "id": _KEY_ID,
                    "fingerprint": TEXT,
                    "held": many(TEXT),
                    "seals": many(TEXT),
                    "lacking": many(TEXT),
                    "needing": many(TEXT),
                    "wanted": TRUTH,
                }
            )
        ),
    }
)
AUDIT = thing(
    {
        "self": TEXT,
        "count": whole(0),
        "orders": many(
            thing(
                {
                    "time": NUMBER,
                    "who": TEXT,
                    "role": TEXT,
                    "address": TEXT,
                    "method": TEXT,
                    "path": TEXT,
                    "what": thing({}),
                    "status": whole(200, 599),
                    "event": thing({}),
                }
            )
        ),
        "origins": by_name(whole(0)),
    }
)
ANY = thing({})
