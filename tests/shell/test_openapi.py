"""The description of the admin port says what there is, and no more."""

from typing import Any

import orjson
import pytest

from edge.shell.adminroutes import RULES
from edge.shell.openapi import description
from shell.test_admin import Site


async def registered() -> set[tuple[str, str]]:
    """Methods and paths as the router has them."""
    site = Site()
    await site.client.close()
    routes = site.face.app().router.routes()
    return {(one.method, one.resource.canonical) for one in routes if one.resource and one.method != "HEAD"}


async def test_every_route_is_in_the_table_and_every_row_is_a_route() -> None:
    assert await registered() == set(RULES)


def test_every_row_is_described() -> None:
    paths = description()["paths"]
    described = {(method.upper(), path) for path, found in paths.items() for method in found}
    assert {(method, path.removesuffix("/{file}")) for method, path in described} == set(RULES)
    names = [one["operationId"] for found in paths.values() for one in found.values()]
    assert len(set(names)) == len(names)


def schemas(found: Any) -> list[dict[str, Any]]:
    if isinstance(found, list):
        return [one for each in found for one in schemas(each)]
    if not isinstance(found, dict):
        return []
    return ([found] if found.get("type") == "object" else []) + [
        one for each in found.values() for one in schemas(each)
    ]


def test_what_is_required_is_described() -> None:
    for one in schemas(description()):
        assert set(one.get("required", ())) <= set(one.get("properties", ()))


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.body], ids=lambda rule: rule.about)
def test_only_fields_that_there_are_may_be_written_down(rule: Any) -> None:
    assert set(rule.audited) <= set(rule.body["properties"])
    assert rule.audited


async def test_it_is_served() -> None:
    site = Site("a long random word")
    async with site.server, site.client:
        status, text, headers = await site.get("/v1/openapi.json")
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert orjson.loads(text)["openapi"] == "3.1.0"
