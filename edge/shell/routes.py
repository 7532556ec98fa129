"""`/v1/route` of the public port: which node shall I use? As a redirect, or as JSON.

GET /v1/route?path=/live/main.m3u8[&zone=Z][&region=R][&isp=I][&node=N][&format=json]

302 to the chosen node, or 200 with it as JSON where that is asked for by `format` or Accept; 503 where none takes
viewers. `node` is where the viewer is: he stays there unless that is clearly worse. All other fields of the query
(tokens, CMCD) go on to the node.
"""

import functools
import random
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from urllib.parse import quote, unquote_plus

import orjson
from aiohttp import web

from edge.cache.lifetime import Kind, kind_of
from edge.cache.objects import CacheResponse
from edge.cache.web import payload, viewer_of
from edge.config import RoutingConfig
from edge.decide.routing import Place, RouteAnswer, RouteQuery, Router, policy_of
from edge.decide.routing.explain import REFUSED
from edge.shell.locate import Locator
from edge.state.histogram import Histogram
from edge.state.view import ClusterView, NodeView

PATH = "/v1/route"
RETRY_AFTER_S = (1, 5)  # jittered, so that a crowd that is refused does not come back as one
MOVED = "edge-moved"  # in the query of one who was sent on by a node that drains, with the time in seconds since 1970
MOVED_S = (
    30  # so long he is not sent on again; players keep the address, and the next drain may be hours away
)
_CORS = {"Access-Control-Allow-Origin": "*", "Access-Control-Expose-Headers": "Edge-Route, Retry-After"}
_KEPT_NOWHERE = {"Cache-Control": "no-store", **_CORS}
_PATH_MAX = 2048
_SHORT, _SHORT_MAX = 256, 4096  # length and number of the questions that are kept read
_LEGAL = re.compile(r"/[A-Za-z0-9/._~!$&'()*+,;=:@%?-]*")
_SAFE = "/._~!$&'()*+,;=:@%?-"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")  # surrogates: bytes that are no UTF-8
_NAME = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{0,63}")
_MOVED = re.compile(rf"(?:^|&){MOVED}=(\d{{1,12}})(?=&|$)")
_ANSWERS_S = (1e-05, 2.5e-05, 5e-05, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1)
_OWN = frozenset(("path", "zone", "region", "isp", "node", "format"))
_OF_THE_BODY = frozenset({"content-type", "content-length"})
_EXAMPLE = f"{PATH}?path=/live/main.m3u8&zone=mumbai"


class Asked(NamedTuple):
    """The query of a request, read."""

    path: str  # as it may stand in a URL
    place: Place  # what the request says of it
    node: str
    format: str
    rest: str  # of the query, raw: for the node


Settled = Callable[[RouteQuery, RouteAnswer], RouteAnswer | CacheResponse]


class BadQuestionError(ValueError):
    """A question that cannot be answered; says what would be right."""


class Routes:
    """Answers viewers who ask where to go.

    Args:
        view: the cluster as this node holds it at the moment.
        config: how to spread viewers, and how their places are known.
        rng: jitters what those who are refused are told.

    Raises:
        ConfigError: a file that the settings name cannot be used.
    """

    def __init__(
        self,
        view: Callable[[], ClusterView],
        config: RoutingConfig | None = None,
        rng: random.Random | None = None,
    ) -> None:
        config = config or RoutingConfig()
        self.router = Router(view, policy_of(config))
        self.locator = Locator(config)
        self.settled: Settled = lambda _, chosen: chosen  # or a node with more room, or a refusal
        self.on_sent: Callable[[str, str, float], None] = _nobody_told  # node, viewer, time
        self.redirects: dict[str, int] = {}  # viewers sent, by node; bounded by the member table
        self.unroutable = 0
        self.took = Histogram(_ANSWERS_S)  # to answer a question
        self._view = view
        self._ttl_s = config.answer_ttl_s
        self._rng = rng or random.Random()

    def query(self, request: web.BaseRequest) -> web.Response:
        """The answer to a question with a path in its query."""
        begun = time.perf_counter()
        response = self._answered(request)
        self.took.add(time.perf_counter() - begun)
        return response

    def _answered(self, request: web.BaseRequest) -> web.Response:
        try:
            asked = read_question(request.rel_url.raw_query_string)
        except BadQuestionError as error:
            return web.Response(status=400, text=f"{error}\n", headers=_CORS)
        query = self._asked(request, asked.path, self.locator.place(request, asked.place), asked.node)
        json = asked.format == "json" or "application/json" in request.headers.get("Accept", "")
        chosen = self._chosen(request, query)
        if chosen:
            settled = self.settled(query, chosen)
            if isinstance(settled, CacheResponse):
                return _turned_away(settled, json=json)
            chosen = settled
        self._count(request, chosen, query.viewer)
        if json:
            return self._json(chosen, _with_query(asked.path, asked.rest))
        return self._redirect(chosen, _with_query(asked.path, asked.rest))

    def object(self, request: web.BaseRequest, path: str) -> web.Response:
        """The way to a node for one object; `path` is raw, and the viewer's query goes with him."""
        query = self._asked(request, path, self.locator.place(request))
        chosen = self._chosen(request, query)
        self._count(request, chosen, query.viewer)
        return self._redirect(chosen, _with_query(path, request.rel_url.raw_query_string))

    def moved(self, request: web.BaseRequest, path: str, place: Place) -> web.Response | None:
        """The way on from a node that drains; none for one who was sent on before, or where there is no other node."""
        query = query_moved(request.rel_url.raw_query_string)
        asked = self._asked(request, path, place)
        chosen = self._chosen(request, asked) if query else None
        if query is None or chosen is None:
            return None
        self._count(request, chosen, asked.viewer)
        return self._redirect(chosen, _with_query(path, query))

    def me(self) -> NodeView | None:
        """This node, as others see it."""
        view = self._view()
        return view.node(view.self_name)

    def explained(self, raw_query: str) -> dict[str, Any]:
        """What a question would be answered, and why; nobody is sent anywhere. `address` may stand for a place.

        Raises:
            BadQuestionError: it cannot be answered.
        """
        asked = read_question(raw_query)
        address = next((part[8:] for part in asked.rest.split("&") if part.startswith("address=")), "")
        place = self.locator.at(unquote_plus(address), asked.place)
        query = _query(asked.path, place, asked.node)
        found = self.router.explain(query, time.monotonic())
        return {
            "query": {**query._asdict(), "path": asked.path},
            "answer": found.answer._asdict() if found.answer else None,
            "reason": found.reason,
            "candidates": [one._asdict() for one in found.candidates],
        }

    def _asked(self, request: web.BaseRequest, path: str, place: Place, node: str = "") -> RouteQuery:
        return _query(path, place, node, viewer_of(request, self.locator.address(request)))

    def _chosen(self, request: web.BaseRequest, query: RouteQuery) -> RouteAnswer | None:
        now = time.monotonic()
        if request.method == "HEAD":  # somebody looks; nobody comes
            return self.router.table(now).route(query)
        return self.router.route(query, now)

    def _count(self, request: web.BaseRequest, chosen: RouteAnswer | None, viewer: str) -> None:
        if chosen and request.method != "HEAD":
            self.redirects[chosen.node] = self.redirects.get(chosen.node, 0) + 1
            self.on_sent(chosen.node, viewer, time.monotonic())

    def _redirect(self, chosen: RouteAnswer | None, target: str) -> web.Response:
        if chosen is None:
            headers = self._refused()
            return web.Response(status=503, text=f"{REFUSED}\n", headers=headers)
        headers = {
            "Location": chosen.url + target,
            "Edge-Route": f"{chosen.node}; {chosen.reason}",
            "Cache-Control": "no-store",
            "Access-Control-Allow-Origin": "*",  # no page sees the fields of a redirect, so none is exposed
        }
        return web.Response(status=302, headers=headers)

    def _json(self, chosen: RouteAnswer | None, target: str) -> web.Response:
        if chosen is None:
            headers = self._refused()
            told: dict[str, Any] = {"reason": REFUSED, "retry_after_s": int(headers["Retry-After"])}
            return _as_json(503, told, headers)
        expires = datetime.now(UTC) + timedelta(seconds=self._ttl_s)
        told = {
            "node": chosen.node,
            "url": chosen.url + target,
            "reason": chosen.reason,
            "ttl_s": self._ttl_s,
            "expires": expires.isoformat(timespec="seconds").replace("+00:00", "Z"),
        }
        return _as_json(200, told, _KEPT_NOWHERE)

    def _refused(self) -> dict[str, str]:
        self.unroutable += 1
        return {"Retry-After": str(self._rng.randint(*RETRY_AFTER_S)), **_KEPT_NOWHERE}


def _nobody_told(_node: str, _viewer: str, _now: float) -> None:
    """Until somebody wants to know who was sent where."""


def read_question(raw: str) -> Asked:
    """The raw query of a question; that of a crowd is read once.

    Raises:
        BadQuestionError: something in it cannot be used.
    """
    return _read_short(raw) if len(raw) <= _SHORT else _read(raw)


def _read(raw: str) -> Asked:
    own, rest = dict.fromkeys(_OWN, ""), []
    for part in raw.split("&"):
        name, _, value = part.partition("=")
        if name in _OWN:
            own[name] = unquote_plus(value) if "%" in value or "+" in value else value
        elif part:
            rest.append(part)
    path = own["path"]
    if not path.startswith("/") or path.startswith("//") or len(path) > _PATH_MAX or _CONTROL.search(path):
        raise BadQuestionError(f"path: wants an absolute path, e.g. {_EXAMPLE}")
    if path.startswith(PATH):
        raise BadQuestionError(f"path: wants what is to be played, not {PATH} itself, e.g. {_EXAMPLE}")
    for name in ("zone", "region", "isp", "node"):
        if own[name] and not _NAME.fullmatch(own[name]):
            raise BadQuestionError(f"{name}: wants a name of at most 63 characters, e.g. {_EXAMPLE}")
    if own["format"] not in ("", "json"):
        raise BadQuestionError("format: wants json, or nothing for a redirect")
    if not _LEGAL.fullmatch(path):
        path = quote(path, safe=_SAFE)
    return Asked(
        path, Place(own["zone"], own["region"], own["isp"]), own["node"], own["format"], "&".join(rest)
    )


_read_short = functools.lru_cache(maxsize=_SHORT_MAX)(_read)


def _query(path: str, place: Place, node: str, viewer: str = "") -> RouteQuery:
    name, new = _of_path(path)
    return RouteQuery(name, place.zone, new, place.region, place.isp, node, viewer)


@functools.lru_cache(maxsize=_SHORT_MAX)
def _of_path(path: str) -> tuple[str, bool]:
    """What decides by its hash, and whether a session begins with it: players begin with a playlist."""
    return path.partition("?")[0], kind_of(path) is Kind.PLAYLIST


def query_moved(query: str) -> str | None:
    """A raw query with the mark of one who is sent on now; None for one who was sent on a moment ago."""
    now_s = int(time.time())
    if (earlier := _MOVED.search(query)) and abs(now_s - int(earlier[1])) < MOVED_S:
        return None
    return f"{_MOVED.sub('', query)}&{MOVED}={now_s}".lstrip("&")


def _turned_away(full: CacheResponse, *, json: bool) -> web.Response:
    """The refusal of a new session, in the form that was asked for."""
    if not (json and isinstance(full.body, bytes)):
        return web.Response(status=full.status, body=payload(full.body), headers=full.headers)
    told = {"reason": full.body.decode().strip(), "retry_after_s": int(full.headers["Retry-After"])}
    fields = {name: value for name, value in full.headers.items() if name.lower() not in _OF_THE_BODY}
    return _as_json(full.status, told, fields)


def _with_query(path: str, query: str) -> str:
    if not query:
        return path
    return f"{path}{'&' if '?' in path else '?'}{query}"


def _as_json(status: int, told: dict[str, Any], headers: dict[str, str]) -> web.Response:
    return web.Response(
        status=status, body=orjson.dumps(told), headers=headers, content_type="application/json"
    )
