"""nginx's configuration, made from the node's settings; the same settings make the same text.

| asked for | answered |
| --- | --- |
| playlists | from the cache; stale only as long as the node has said, while it gives nothing |
| all else | from the cache; stale while a newer one is asked for, and while the node gives nothing |
| /v1/steering/ | from the cache, of this second |
| /v1/ | by the node |
| what another node asks | by the node, which tells it more than viewers |
| PURGE | by the node, which wants the admin token |
| OPTIONS | by nginx |

proxy_cache_lock stays off: who waits for it asks every 500 ms, and the node makes one fill of many misses anyway.
"""

from collections.abc import Mapping
from pathlib import Path

from edge.cache.respond import CORS, PREFLIGHT
from edge.cache.settings import BLOCKING_TIMEOUT_S
from edge.config import Config
from edge.model import Address
from edge.nginx import flags, log, signed, status, steering
from edge.nginx.names import ASKED, CONTROL, DETAIL, DIRECTIVES, FILL, KEY, TAGS, VIEWER, Folder
from edge.wire.passport import HEADER

_KEYS_PER_MIB = 8000  # as nginx's documentation says
_HIDDEN = ("Age", "Cache-Control", "Cache-Status", CONTROL, DETAIL, FILL, TAGS, "Cache-Tag")
_STALE = "error timeout http_500 http_502 http_503 http_504"
_TIMEOUT_SLACK_S = 2  # the node gives up a fill sooner than nginx does
_INDENT = "    "
_PLAYLISTS = r"location ~* \.(m3u8|mpd)$"


def render(config: Config) -> str:
    """The whole configuration; the processes stay in the foreground, as a container's do."""
    nginx = config.nginx
    folder = Folder(Path(nginx.folder))
    user = [f"user {nginx.user};"] if nginx.user else []
    lines = [
        "# Made by `edge nginx-config`; a change here is lost.",
        *user,
        f"worker_processes {nginx.workers or 'auto'};",
        "daemon off;",
        f"pid {folder.root}/nginx.pid;",
        "error_log stderr warn;",
        *_block("events", ["worker_connections 16384;"]),
        *_block("http", _http(config, folder)),
    ]
    return "\n".join(lines) + "\n"


def _http(config: Config, folder: Folder) -> list[str]:
    temporary = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    return [
        "default_type application/octet-stream;",
        "server_tokens off;",
        "sendfile on;",
        "tcp_nopush off;",
        "tcp_nodelay on;",
        "keepalive_timeout 65s;",
        "keepalive_requests 100000;",
        "client_header_timeout 10s;",
        "client_body_timeout 10s;",
        "client_max_body_size 16k;",
        "send_timeout 30s;",
        "reset_timedout_connection on;",
        *(f"{name}_temp_path {folder.root}/{name}-temp;" for name in temporary),
        f"log_format edge escape=json '{log.FORMAT}';",
        "access_log off;",
        *_cache(config, folder),
        *_maps(config.node.name),
        *signed.http_lines(config, folder),
        *_block("upstream edge", [f"server {config.nginx.bind} max_fails=0;", "keepalive 64;"]),
        *_block("upstream nobody", ["server 127.0.0.1:1 down;"]),
        *_block("server", _public(config, folder)),
        *_block("server", _status(config.nginx.status_bind)),
    ]


def _cache(config: Config, folder: Folder) -> list[str]:
    nginx = config.nginx
    zone_mib = -(-nginx.objects_max // _KEYS_PER_MIB)
    return [
        f"proxy_cache_path {folder.cache} levels=1:2 use_temp_path=off keys_zone=edge:{zone_mib}m "
        f"max_size={nginx.max_bytes} inactive={nginx.inactive_s}s manager_files=10000 manager_threshold=1s;",
        f'proxy_cache_key "{KEY}";',
        "proxy_cache_lock off;",
        "proxy_ignore_headers Expires Set-Cookie Vary;",
        "proxy_force_ranges on;",
        "proxy_http_version 1.1;",
        "proxy_connect_timeout 1s;",
        f"proxy_read_timeout {int(config.cache.fill_timeout_s) + _TIMEOUT_SLACK_S}s;",
        "proxy_buffer_size 32k;",
        "proxy_buffers 16 32k;",
        "proxy_busy_buffers_size 64k;",
        "proxy_max_temp_file_size 0;",
    ]


def _proxied(upstream: str, fields: Mapping[str, str]) -> list[str]:
    """To the node, with its own fields; what a viewer gives under their names is not passed on."""
    given = {"Connection": '""', "Host": "$http_host", VIEWER: "$remote_addr", ASKED: '""', **fields}
    return [
        *(f"proxy_set_header {name} {value};" for name, value in given.items()),
        f"proxy_pass http://{upstream};",
    ]


def _maps(name: str) -> list[str]:
    """What viewers are told of the cache, and the Cache-Control that the node has set for them."""
    hit = f'"{name}"; hit'
    return [
        *_block(
            "map $upstream_cache_status $edge_cache_status",
            [
                "default $upstream_http_cache_status;",
                f"HIT '{hit}{_field(DETAIL)}';",
                f"STALE '{hit}; detail=stale';",
                f"UPDATING '{hit}; detail=stale';",
            ],
        ),
        *_block(
            f"map {_field(CONTROL)} $edge_control",
            [f"default {_field(CONTROL)};", '"" $upstream_http_cache_control;', '"-" "";'],
        ),
    ]


def _public(config: Config, folder: Folder) -> list[str]:
    asked = {"Cache-Control": '""', ASKED: DIRECTIVES}
    played = [
        f"access_log {folder.log} edge buffer=64k flush=200ms;",
        "proxy_cache edge;",
        "open_file_cache off;",  # a purged file is gone at once
        *(f"proxy_hide_header {name};" for name in _HIDDEN),
        "add_header Cache-Control $edge_control always;",
        "add_header Cache-Status $edge_cache_status always;",
    ]
    objects = [
        *played,
        f"proxy_cache_use_stale {_STALE};",
        "proxy_cache_background_update on;",
        *_proxied("$edge_fills", asked),
    ]
    small = "sendfile off;"  # head and body in one write, and one packet
    steered = [
        *played[1:],  # no line in the log: its readers are no viewers
        small,
        "proxy_buffer_size 8k;",  # it is small, and each request takes such a buffer
        "proxy_buffers 4 8k;",
        "proxy_busy_buffers_size 16k;",
        *_proxied("edge", asked),
    ]
    waits = f"proxy_read_timeout {int(BLOCKING_TIMEOUT_S) + _TIMEOUT_SLACK_S}s;"  # for blocking reloads
    playlists = [*played, small, *signed.cookie_line(config), waits, *_proxied("edge", asked)]
    recorded = [f"if (-f {folder.flags}/{flags.RECORDED}) {{ return 420; }}"]
    return [
        *_listening(config),
        "server_name _;",
        "error_log stderr crit;",  # while the node is away, each miss would be a line
        "error_page 418 = @preflight;",
        "error_page 419 = @node;",
        "error_page 420 502 504 = @away;",
        "open_file_cache max=16 inactive=60s;",  # for the flag below: one look a second, not one a request
        "open_file_cache_valid 1s;",
        "open_file_cache_errors on;",
        "set $edge_fills edge;",
        f"if (-f {folder.flags}/{flags.CACHED_ONLY}) {{ set $edge_fills nobody; }}",
        "if ($request_method = OPTIONS) { return 418; }",
        "if ($request_method = PURGE) { return 419; }",
        f"if ($http_{_variable(HEADER)}) {{ return 419; }}",
        *signed.server_lines(config),
        *_block("location /", [*signed.asking(config, "/"), *objects]),
        *_block(_PLAYLISTS, [*signed.asking(config, "/"), *playlists]),
        *_block(f"location ^~ {steering.PREFIX}", steered),
        *_block("location ^~ /v1/", _proxied("edge", {"Cache-Control": '""'})),
        *(
            line
            for prefix in _prefixes(config)
            for line in _below(config, prefix, (recorded, objects, playlists))
        ),
        *_block("location @node", _proxied("edge", {})),
        *_block("location @preflight", [*_added(PREFLIGHT), "return 204;"]),
        *_block(
            "location @away",
            [
                *_added({**CORS, "Retry-After": "1", "Cache-Control": "no-store"}),
                'return 503 "this node gives nothing at the moment\\n";',
            ],
        ),
    ]


def _prefixes(config: Config) -> list[str]:
    """Of paths that have a location of their own."""
    given = (*config.nginx.recorded, *config.signing.required_prefixes)
    return [prefix for prefix in dict.fromkeys(given) if prefix != "/"]


def _below(config: Config, prefix: str, lines: tuple[list[str], list[str], list[str]]) -> list[str]:
    """The location of a prefix; `lines` are those of what is recorded, of objects and of playlists."""
    recorded, objects, playlists = lines
    asking = signed.asking(config, prefix)
    held_back = recorded if any(prefix.startswith(one) for one in config.nginx.recorded) else []
    inside = _block(_PLAYLISTS, [*held_back, *asking, *playlists]) if asking else []
    return _block(f"location ^~ {prefix}", [*held_back, *asking, *objects, *inside])


def _listening(config: Config) -> list[str]:
    """The public port, with TLS and HTTP/2 where there is a certificate; nginx reads it at each reload."""
    public = config.public
    address = Address.parse(public.bind, "public.bind")
    if not public.tls_cert_file:
        return [f"listen {address} backlog=4096;"]
    return [
        f"listen {address} ssl http2 backlog=4096;",  # `http2 on` is not known before 1.25.1
        f"ssl_certificate {public.tls_cert_file};",
        f"ssl_certificate_key {public.tls_key_file};",
        "ssl_protocols TLSv1.2 TLSv1.3;",
        "ssl_session_cache shared:edge-tls:10m;",
        "ssl_session_timeout 1h;",
        "ssl_session_tickets off;",  # their key would live as long as nginx does
    ]


def _status(bind: str) -> list[str]:
    return [
        f"listen {Address.parse(bind, 'nginx.status_bind')};",
        *_block(f"location = {status.PATH}", ["stub_status;"]),
        *_block("location /", ["return 404;"]),
    ]


def _added(headers: Mapping[str, str]) -> list[str]:
    return [f'add_header {name} "{value}" always;' for name, value in headers.items()]


def _field(name: str) -> str:
    """The variable of a field that the node has sent."""
    return f"$upstream_http_{_variable(name)}"


def _variable(name: str) -> str:
    return name.lower().replace("-", "_")


def _block(head: str, lines: list[str]) -> list[str]:
    return [f"{head} {{", *(_INDENT + line for line in lines), "}"]
