"""Entrances of the public and the admin port: requests to a running node on a real connection."""

import re
from urllib.parse import unquote_to_bytes

from fuzz.site import SIGNED, WORD, site
from fuzz.target import Target, law
from fuzz.texts import SAID

_OWN = re.compile(rb"(?i)\s*(content-length|transfer-encoding|connection|expect|upgrade)\s*:")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3}) ")
_LAST = b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
_ENDLESS = b"/stream"


def _request(data: bytes) -> bytes:
    """A request of a line, fields and, after an empty line, a body; its length is ours, else we would wait for more."""
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    kept = [line for line in lines if not _OWN.match(line)]
    return b"\r\n".join([first, *kept, b"Content-Length: %d" % len(body), b"", body]) + _LAST


def _asked(data: bytes, *, admin: bool) -> None:
    if _ENDLESS in unquote_to_bytes(data.partition(b"\n")[0]):
        return
    # Without a token the admin port looks at the Host.
    guarded = not admin or b"authorization" in data.lower()
    came = site(guarded=guarded).ask(_request(data), admin=admin)
    statuses = [int(one) for one in _STATUS.findall(came)]
    law(500 not in statuses, "an answer that nobody meant")


def public(data: bytes) -> None:
    """A request to the public port."""
    _asked(data, admin=False)


def admin(data: bytes) -> None:
    """A request to the admin port."""
    _asked(data, admin=True)


_PLACES = ("purge", "events", "monsoon", "prewarm", "log", "schedule", "keys")


def orders(data: bytes) -> None:
    """A JSON body of an operator, who has the token; the first byte says for which order."""
    where = _PLACES[data[0] % len(_PLACES)] if data else _PLACES[0]
    head = f"POST /v1/{where} HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer {WORD}\nContent-Type: application/json"
    _asked(head.encode() + b"\n\n" + data[1:], admin=True)


def _viewers() -> list[bytes]:
    agent = b"\nHost: a\nUser-Agent: x"
    return [
        b"GET /live/main.m3u8?CMCD=" + SAID.replace(b'"', b"%22") + b" HTTP/1.1" + agent,
        b'GET /live/v240/7.m4s HTTP/1.1\nHost: a\nRange: bytes=0-99\nIf-Range: "a"',
        b'GET /live/v240/8.m4s HTTP/1.1\nHost: a\nCMCD-Session: sid="a"\nCMCD-Request: bl=10,su',
        b'GET /live/v240/7.m4s HTTP/1.1\nHost: a\nIf-None-Match: "a"\nAccept-Encoding: gzip, br;q=0',
        b"GET /v1/route?path=/live/main.m3u8&zone=pune&format=json HTTP/1.1\nHost: a\nAccept: application/json",
        b'GET /v1/route/live/7.m4s HTTP/1.1\nHost: a\nForwarded: for="[2001:db8::1]:80", for=10.0.0.1\nX-Zone: pune',
        b'HEAD /v1/steering/hls/pune/0?_HLS_pathway="a" HTTP/1.1\nHost: a\nX-Forwarded-For: 1.2.3.4, 10.0.0.1',
        b"GET /signed/7.m4s?URISigningPackage=e30.e30.e30 HTTP/1.1\nHost: a\nCookie: URISigningPackage=a.b.c; x=y",
        b"GET /signed/main.m3u8?URISigningPackage=" + SIGNED.encode() + b"&CMCD=bs HTTP/1.1\nHost: a",
        b"GET /signed/7.m4s HTTP/1.1\nHost: a\nCookie: URISigningPackage=" + SIGNED.encode(),
        b"PURGE /live/* HTTP/1.1\nHost: a\nAuthorization: Bearer "
        + WORD.encode()
        + b"\nFastly-Soft-Purge: 1",
        b"PURGE /live/7.m4s HTTP/1.1\nHost: a\nAuthorization: Bearer wrong",
        b"OPTIONS /live/7.m4s HTTP/1.1\nHost: a\nOrigin: http://b\nAccess-Control-Request-Method: GET",
        b"GET /live/7.m4s HTTP/1.1\nHost: a\nEdge-Peer: pune; 1795000000; 00\nCDN-Loop: a, b",
        b"POST /live/7.m4s HTTP/1.1\nHost: a\n\nbody",
        b"GET /v1/route?path=/a.m3u8 HTTP/1.1\nHost: a\xff\nUser-Agent: \xff\nX-Zone: \xff\nForwarded: for=\xff",
        b"GET /live/main.m3u8?a=\xff HTTP/1.1\nHost: a\nReferer: \xff",
        b'GET /live/main.m3u8 HTTP/1.1\nHost: a\nCMCD-Session: sid="\xff"\nCMCD-Status: \xff\nAccept-Encoding: \xff',
        b"GET /live/v240/7.m4s HTTP/1.1\nHost: a\nRange: \xff\nIf-None-Match: \xff\nIf-Range: \xff",
        b"GET /signed/7.m4s HTTP/1.1\nHost: \xff\nCookie: URISigningPackage=\xff",
    ]


def _operators() -> list[bytes]:
    end = b" HTTP/1.1\nHost: 127.0.0.1\nAuthorization: Bearer " + WORD.encode()
    paths = (
        b"/v1/members",
        b"/v1/view",
        b"/v1/events",
        b"/v1/route?path=/a.m3u8&address=10.0.0.1",
        b"/v1/monsoon",
    )
    more = (
        b"/v1/prewarm",
        b"/v1/quality",
        b"/v1/log",
        b"/v1/schedule",
        b"/v1/sync",
        b"/v1/keys",
        b"/v1/audit",
        b"/v1/openapi.json",
        b"/page/page.js",
        b"/",
        b"/metrics",
    )
    return [
        *(b"GET " + path + end for path in (*paths, *more)),
        b"GET /v1/sync HTTP/1.1\nHost: localhost\nAuthorization: Gossip " + b"QUFB" * 20,
        b"DELETE /v1/schedule/final?majority" + end,
        b"POST /v1/purge" + end + b'\nContent-Type: application/json; charset=utf-8\n\n{"url":"/live/7.m4s"}',
        b"GET /v1/members HTTP/1.1\nHost: [::1]:7701",
        b"GET /v1/view HTTP/1.1\nHost: edge.example.org",
        b"GET /page/../index.html"
        + end
        + b"\nOrigin: http://b\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT",
    ]


def _orders() -> list[bytes]:
    return [
        b'\x00{"prefix":"/live/","soft":true,"ttl_s":60,"majority":true}',
        b'\x00{"tag":"match-7"}',
        b'\x01{"key":"toss","body":"heads","ttl_s":5}',
        b'\x02{"scope":"cluster","name":"","level":null,"for_s":60}',
        b'\x03{"path":"/live/main.m3u8","zone":"pune","at":1795000000.5,"cancel":false}',
        b'\x04{"level":"info","logger":"edge.cache","for_s":1}',
        b'\x05{"name":"final","at":1795000000,"expected_peak":25000000,"growth_per_minute":5,"duration_s":60,'
        b'"paths":["/live/main.m3u8"],"zones":{"pune":0.5}}',
        b'\x06{"use":"a1","force":true}',
        b'\x06{"install":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}',
    ]


_WORDS = (
    b"%ff",
    b"%00",
    b"%2e%2e/",
    b"\xed\xa0\x80",
    b"Host: ",
    b"Range: bytes=",
    b"Authorization: ",
    b"Cookie: ",
)
_PROXIES = b"GET /v1/route?path=/a.m3u8 HTTP/1.1\nHost: a\n"

TARGETS = (
    Target(
        "public",
        public,
        _viewers,
        8000,
        share=0.012,
        words=_WORDS,
        heads=(
            b"GET /",
            _PROXIES + b'Forwarded: for="',
            _PROXIES + b"Forwarded: for=",
            _PROXIES + b"Cookie: ",
            _PROXIES + b"Authorization: ",
        ),
    ),
    Target(
        "admin",
        admin,
        _operators,
        8000,
        share=0.012,
        words=_WORDS,
        heads=(b"GET /", b"GET / HTTP/1.1\nHost: "),
    ),
    Target("orders", orders, _orders, 16_000, share=0.012, heads=(b"\x00", b'\x05{"name":"')),
)
