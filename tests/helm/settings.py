"""The part of the values' schema that repeats the program's own settings; `make chart ARGS=--write` writes it."""

import json
from typing import Any

import msgspec

from edge.config import field_types
from helm.render import CHART

SCHEMA = CHART / "values.schema.json"
# The chart sets these from other values: identity, addresses, files.
OWNED = {
    "node.name",
    "node.cluster",
    "gossip.bind",
    "gossip.advertise",
    "gossip.seeds",
    "gossip.keys_file",
    "identity.file",
    "public.bind",
    "public.advertise",
    "admin.bind",
    "admin.advertise",
    "admin.token_file",
    "admin.tokens_file",
    "admin.tls_cert_file",
    "admin.tls_key_file",
    "admin.tls_ca_file",
    "admin.tls_peer_name",
    "admin.tls_client_ca_file",
    "public.tls_cert_file",
    "public.tls_key_file",
    "public.tls_ca_file",
    "public.tls_peer_name",
    "cache.backend",
    "cache.origin",
    "cache.origins",
    "cache.disk_path",
    "cache.disk_max_bytes",
    "nginx.folder",
    "nginx.bind",
    "nginx.status_bind",
    "nginx.max_bytes",
}
OWNED_SECTIONS = {"kubernetes"}


def config_schema() -> dict[str, Any]:
    """The schema of the value `config`: every other setting, with its type and bounds."""
    sections: dict[str, dict[str, Any]] = {}
    for one in field_types():
        if one.path in OWNED or one.section in OWNED_SECTIONS:
            continue
        found = msgspec.json.schema(one.type)
        found.pop("description", None)
        sections.setdefault(one.section, {})[one.name] = found
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            name: {"type": "object", "additionalProperties": False, "properties": fields}
            for name, fields in sections.items()
        },
    }


def schema() -> dict[str, Any]:
    """The schema as it is."""
    found: dict[str, Any] = json.loads(SCHEMA.read_text("utf-8"))
    return found


def write() -> None:
    """Bring `config` up to date."""
    found = schema()
    found["properties"]["config"] = config_schema()
    SCHEMA.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", "utf-8")
