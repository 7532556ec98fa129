"""Entrances of text: configuration, scenarios, tables and keys in files, nginx's log, what players and signers say."""

import os
import tempfile
from pathlib import Path

import msgspec

from edge.cache.cmcd import Cmcd, in_query, of_query, parse
from edge.cache.viewer import VIEWER_MAX, viewer_name
from edge.config import Config, SigningConfig, Source, load
from edge.decide import override, schedule, scheduled
from edge.decide.places import read_places
from edge.model import ConfigError, Durable, EventKind
from edge.nginx.log import Heard, LogTail
from edge.shell.routes import BadQuestionError, query_moved, read_question
from edge.shell.signing.container import ContainerError, container, everything_below
from edge.shell.signing.keys import Key, read_keys
from edge.shell.signing.token import TokenError, made, verified
from edge.state.traffic import Traffic
from fuzz.target import Target, law
from loadtest.scenario.load import FOLDER
from loadtest.scenario.load import parse as parse_scenario

_PLACE = tempfile.TemporaryDirectory(
    prefix="fuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None
)
WALL_MS = 1_795_000_000_000
_SECRET = b"k" * 32
_KEY = Key("one", "HS256", _SECRET, _SECRET)
_SIGNING = SigningConfig(keys_file="keys", required_prefixes=("/live/",), issuers=("i",), audience="edge")

CONFIG = b"""[node]
name = "pune"
cluster = "ns/edge"
capacity = 100
tags = { lat = "1", lon = "2" }
[gossip]
bind = "127.0.0.1:7700"
seeds = ["a:1", "[::1]:7700"]
tick_min_s = 0.06
[cache]
origins = ["http://a:80;priority=1;weight=2"]
disk_max_bytes = 10_000_000
[signing]
keys_file = "k"
required_prefixes = "/live/"
[prewarm]
[nginx]
folder = "/x"
"""
LINES = (
    b'[200,1000,"HIT","/live/v240/7.m4s","10.0.0.1","agent","sid%3D%22abc%22%2Cbs","","","",""]',
    b'[206,10,"","/live/7 a.m4s","::1","-","","sid=\\"abc\\"","br=300","bl=1000","bs"]',
)
SAID = b'br=3200,bs,d=4004,mtp=25400,ot=v,rtp=15000,sf=h,sid="6e2fb550-c457-11e9-bb97-0800200c9a66",st=l,su,tb=6000'


def config(data: bytes) -> None:
    """A configuration file."""
    text = data.decode(errors="replace")
    try:
        found = load(Source.toml(text, "edge.toml"), Source.flags({"node.name": "pune"}))
    except ConfigError as error:
        law("edge.toml" in str(error) or "." in error.field, "it does not say where")
        return
    law(isinstance(found, Config), "no configuration")


def scenario(data: bytes) -> None:
    """A scenario."""
    try:
        parse_scenario(data.decode(errors="replace"), "match.toml")
    except ConfigError as error:
        law("match.toml" in str(error), "it does not say where")


def places(data: bytes) -> None:
    """The table of networks and places."""
    try:
        table = read_places(data.decode(errors="replace"), "places")
    except ConfigError as error:
        law(error.field.startswith("places"), "it does not say where")
        return
    table.find("10.0.0.1")


def jwks(data: bytes) -> None:
    """The keys of signed URLs."""
    path = Path(_PLACE.name) / "keys"
    path.write_bytes(data)
    try:
        law(len(read_keys(str(path))) > 0, "no keys")
    except ConfigError as error:
        law(bool(error.hint), "it says nothing")


def log(data: bytes) -> None:
    """What nginx writes and the node reads."""
    path = Path(_PLACE.name) / "access.log"
    path.write_bytes(b"")
    tail = LogTail(path, Heard(Traffic(), lambda: 1.0))
    said = list[str]()
    tail.said = lambda cmcd, told, _: said.extend((str(of_query(cmcd)), str(parse(",".join(told)))))
    tail.open()
    try:
        path.write_bytes(data + b"\n")
        while tail.read_some():
            pass
    finally:
        tail.close()
    law(tail.lines + tail.junk <= data.count(b"\n") + data.count(b"]") + 1, "more lines than there are")


def players(data: bytes) -> None:
    """CMCD in a query and in fields, and the name that is made of it."""
    text = data.decode(errors="surrogateescape")
    for told in (of_query(in_query(text)), of_query(text), parse(text)):
        again = ",".join(_written(told))
        odd = told.sid.strip() != told.sid or not {",", '"'}.isdisjoint(told.sid)
        law(parse(again) == told or odd, "it is another one when said again")
    law(len(viewer_name("10.0.0.1", text, text, text)) <= VIEWER_MAX, "a name beyond its bound")


def _written(told: Cmcd) -> list[str]:
    said = (
        (name, value)
        for name, value in told._asdict().items()
        if value not in (None, "") and value is not False
    )
    return [name if value is True else f"{name}={value}" for name, value in said]


def token(data: bytes) -> None:
    """A token as it comes, its claims under a good signature, and its container against an address."""
    text = data.decode(errors="surrogateescape")
    held = [text]
    try:
        claims = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        claims = None
    if isinstance(claims, dict):
        held.append(made(claims, _KEY))
    for one in held:
        try:
            grant = verified(one, (_KEY,), _SIGNING)
        except TokenError:
            continue
        law(one != text or text.count(".") == 2, "a token that nobody signed")
        grant.container.allows("https://video.example.com/live/main.m3u8?a=" + "a" * 400)


def uris(data: bytes) -> None:
    """A container and an address that it is to allow, a line each; the address is the viewer's."""
    text, _, uri = data.decode(errors="surrogateescape").partition("\n")
    try:
        found = container(text)
    except ContainerError:
        return
    found.allows(uri)
    if found.covers("https://video.example.com/live/"):
        law(found.allows("https://video.example.com/live/7.m4s"), "a folder without what is in it")


def question(data: bytes) -> None:
    """The query of one who asks where to go."""
    raw = data.decode(errors="surrogateescape")
    query_moved(raw)
    try:
        asked = read_question(raw)
    except BadQuestionError as error:
        law("wants" in str(error), "it does not say what would be right")
        return
    law(asked.path.startswith("/") and asked.path.isascii(), "what cannot stand in a field")
    law(not any(one in asked.path for one in "\r\n\0 "), "a path that breaks a field")


def told(data: bytes) -> None:
    """Durable events of operators, as peers tell them."""
    try:
        event = msgspec.json.decode(data, type=Durable)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return
    for read in (override.read, schedule.read, scheduled.read):
        if found := read(event):
            again = Durable(event.kind, found.key, event.at, event.origin, event.ttl_s, found.body)
            law(read(again) == found, "it is another one when told again")
            if isinstance(found, scheduled.Scheduled):
                found.phase(WALL_MS, 600.0)
                found.turn(WALL_MS, 600.0)


def _events() -> list[bytes]:
    made_ = [
        Durable(
            EventKind.OVERRIDE,
            "monsoon/zone/pune",
            5,
            "2",
            60,
            '{"level":2,"until_ms":1795000000000}',
        ),
        Durable(EventKind.SCHEDULE, "prewarm:pune:/live/main.m3u8", 5, "2", 60, '{"at_ms":1795000000000}'),
        Durable(
            EventKind.SCHEDULE,
            "event:final",
            5,
            "2",
            60,
            '{"at_ms":1,"peak":5,"growth":2,"for_s":60,"paths":["/a"],"zones":{"pune":0.5}}',
        ),
    ]
    return [msgspec.json.encode(one) for one in made_]


def _tokens() -> list[bytes]:
    claims = {
        "cdniuc": everything_below("https://video.example.com/live/"),
        "exp": 2e9,
        "iss": "i",
        "aud": ["edge"],
    }
    return [made(claims, _KEY).encode(), msgspec.json.encode(claims)]


def _scenarios() -> list[bytes]:
    return [path.read_bytes() for path in sorted(FOLDER.glob("*.toml")) if path.stat().st_size < 6000]


_JWKS = (
    b'{"keys":[{"kty":"oct","k":"'
    + b"a" * 43
    + b'","kid":"one","alg":"HS256"},{"kty":"OKP","crv":"Ed25519","x":"'
    + b"A" * 43
    + b'"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"}]}'
)
_CONTAINERS = [
    b"regex:https://video\\.example\\.com/live/.*\nhttps://video.example.com/live/7.m4s",
    b"regex:https?://[^/]+/(a|b)?c{1,3}x+\nhttps://a/bccx",
    b"hash:sha-256;DuAz\nhttps://a",
]
_TOML = (b"[node]\n", b"[[event]]\n", b"= ", b'"""', b"inf", b"nan", b"1979-05-27T07:32:00Z", b"0x", b"true")

TARGETS = (
    Target(
        "config",
        config,
        lambda: [CONFIG],
        8192,
        share=0.04,
        heads=(b"", b"a=", b"[node]\nname="),
        words=_TOML,
    ),
    Target(
        "scenario",
        scenario,
        _scenarios,
        8192,
        share=0.03,
        heads=(b"", b"a=", b"[[event]]\nkind="),
        words=_TOML,
    ),
    Target(
        "places",
        places,
        lambda: [b"# a table\n10.0.0.0/8 pune jio west\n2001:db8::/32,delhi\n"],
        4096,
        share=0.15,
    ),
    Target("jwks", jwks, lambda: [_JWKS], 4096, share=0.2, heads=(b"", b'{"keys":[{"kty":"oct","k":"')),
    Target(
        "nginx_log",
        log,
        lambda: [b"\n".join(LINES), *LINES],
        8192,
        share=0.1,
        heads=(b"", LINES[0][:-1] + b","),
    ),
    Target(
        "cmcd",
        players,
        lambda: [SAID, b"a=b&CMCD=" + SAID.replace(b'"', b"%22")],
        8192,
        share=0.4,
        heads=(b"", b"CMCD="),
    ),
    Target("token", token, _tokens, 3200, share=0.1, heads=(b"", b"e30.", b'{"cdniuc":"regex:')),
    Target(
        "container",
        uris,
        lambda: list(_CONTAINERS),
        2048,
        heads=(b"regex:", b"regex:.*a.*\n", b"regex:[^a]*b.*c\n"),
        share=0.3,
    ),
    Target(
        "question",
        question,
        lambda: [
            b"path=/live/main.m3u8&zone=mumbai&CMCD=sid%3D%22a%22&edge-moved=1",
            b"path=%2Fa&format=json",
        ],
        4096,
        share=0.8,
        heads=(b"", b"path=/", b"edge-moved="),
    ),
    Target("durable", told, _events, 2048, heads=(b"",), share=0.8),
)
