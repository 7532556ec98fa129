"""The description of the admin port, OpenAPI 3.1, made of the table of its routes."""

import functools
import re
from typing import Any

from edge.shell.adminroutes import JSON, PAGE, RULES, TEXT, Param, Rule

_WORDS = {
    400: "Something in the request cannot be used; the text says what, and what would be right.",
    401: "No token, or a wrong one; or no client certificate where one is wanted.",
    403: "The role does not suffice; the text says which is wanted.",
    408: "The body took too long.",
    409: "This side of a cut is no majority, and the request asks for one.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    421: "Meant for another process.",
    429: "Too many orders; Retry-After says when to come again.",
    503: "Not now; Retry-After may say when.",
}
_OF_BODIES = (400, 408, 413, 415)
_OF_WRITES = (429,)
_OF_ROLES = (401, 403)
_PLACE = re.compile(r"{(\w+)}")


@functools.cache
def description() -> dict[str, Any]:
    """All of it; nobody changes it."""
    from importlib.metadata import version  # noqa: PLC0415  # half a megabyte, and seldom asked for

    paths: dict[str, dict[str, Any]] = {}
    for (method, path), rule in RULES.items():
        shown = f"{path}/{{file}}" if path == "/page" else path
        paths.setdefault(shown, {})[method.lower()] = _operation(method, shown, rule)
    about = "Health, metrics, the cluster's view, and orders to it. Each route says which role it wants."
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "edge: the admin port of a node",
            "version": version("edge-coordinator"),
            "description": about,
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(method: str, path: str, rule: Rule) -> dict[str, Any]:
    role = f"Wants role {rule.role.text}." if rule.role else "Open to all."
    words = re.findall(r"\w+", path)
    found: dict[str, Any] = {
        "operationId": "_".join([method.lower(), *words]),
        "summary": rule.about,
        "description": role,
        "responses": _responses(method, rule),
        "security": [{"token": []}] if rule.role else [],
    }
    if rule.role:
        found["x-edge-role"] = rule.role.text
    if parameters := _parameters(path, rule):
        found["parameters"] = parameters
    if rule.body:
        found["requestBody"] = {"required": True, "content": {JSON: {"schema": rule.body}}}
    return found


def _parameters(path: str, rule: Rule) -> list[dict[str, Any]]:
    places = [
        Param(name, "", {"type": "string", "minLength": 1}, required=True) for name in _PLACE.findall(path)
    ]
    return [_parameter(one, "path") for one in places] + [_parameter(one, "query") for one in rule.params]


def _parameter(one: Param, where: str) -> dict[str, Any]:
    about = {"description": one.about} if one.about else {}
    return {"name": one.name, "in": where, "required": one.required, "schema": one.schema} | about


def _responses(method: str, rule: Rule) -> dict[str, Any]:
    good: dict[str, Any] = {"schema": rule.answer} if rule.answer else {}
    found: dict[str, Any] = {str(rule.status): {"description": "As asked.", "content": {rule.gives: good}}}
    statuses = [*rule.errors, *(_OF_ROLES if rule.role else ())]
    statuses += [*(_OF_BODIES if rule.body else ()), *(() if method == "GET" else _OF_WRITES)]
    for status in sorted(statuses):
        found[str(status)] = {
            "description": _WORDS[status],
            "content": {TEXT: {"schema": {"type": "string"}}},
        }
    if rule.gives == PAGE:
        found["404"] = {"description": "There is none."}
    return found
