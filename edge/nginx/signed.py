"""Signed URLs in nginx: it asks the node whether to serve, and keeps the answer for a while.

The answer is kept by the token's signature and the folder that was asked for, for at most `AGREED_S` and never past the
token's end; the node says so only where the token is good for all of that folder. The token itself stands in no file.
"""

from edge.config import PACKAGE, Config
from edge.nginx.names import Folder

AGREED_S = 60
ASK = "/v1/authorize"
# Fields between the two.
URI = "Edge-Uri"
TOKEN = "Edge-Token"  # noqa: S105  (a field's name)
REFUSAL = "Edge-Refusal"
ATTRIBUTES = "Edge-Cookie"
_TOLD = "/-/authorize"  # nginx's own name for the question; from outside it does not exist
_VARIABLE = PACKAGE.lower()


def http_lines(config: Config, folder: Folder) -> list[str]:
    """What stands beside the servers."""
    if not config.signing.enabled:
        return []
    return [
        f"proxy_cache_path {folder.root}/agreed levels=1:2 use_temp_path=off keys_zone=edge-agreed:16m "
        f"max_size=256m inactive={AGREED_S}s;",
        f"map $arg_{_VARIABLE} $edge_token {{",
        f"    default $arg_{_VARIABLE};",
        f'    "" $cookie_{PACKAGE};',
        "}",
        "map $edge_token $edge_signature {",
        '    default "";',
        r'    "~^[^.]+\.[^.]+\.(?<edge_third>[A-Za-z0-9_-]+)$" $edge_third;',
        "}",
        "map $uri $edge_folder {",
        '    default "";',
        '    "~^(?<edge_above>.*/)" $edge_above;',
        "}",
        f'map "$arg_{_VARIABLE} $edge_attributes" $edge_set_cookie {{',
        '    default "";',
        f'    "~^(?<edge_given>[^ ]+) (?<edge_with>.+)$" "{PACKAGE}=$edge_given; $edge_with";',
        "}",
    ]


def server_lines(config: Config) -> list[str]:
    """What stands beside the locations."""
    if not config.signing.enabled:
        return []
    asked = (
        f"proxy_set_header {URI} $request_uri;",
        f"proxy_set_header {TOKEN} $edge_asked_token;",
        "proxy_set_header Host $http_host;",
        'proxy_set_header Connection "";',
        'proxy_set_header Content-Length "";',
        'proxy_set_header Cookie "";',
    )
    return [
        "error_page 403 = @unsigned;",
        "error_page 500 = @away;",  # the question had no answer
        f"location = {_TOLD} {{",
        "    internal;",
        "    access_log off;",
        "    proxy_cache edge-agreed;",
        "    proxy_cache_key $edge_asked_key;",
        "    proxy_pass_request_body off;",
        *(f"    {line}" for line in asked),
        f"    proxy_pass http://edge{ASK};",
        "}",
        f"location = {ASK} {{ return 404; }}",
        "location @unsigned {",
        '    add_header Access-Control-Allow-Origin "*" always;',
        '    add_header Cache-Control "no-store" always;',
        '    return 403 "signed URL: $edge_refusal\\n";',
        "}",
    ]


def asking(config: Config, prefix: str) -> list[str]:
    """What stands in a location for paths that begin with `prefix`, if these need a token."""
    if not any(prefix.startswith(one) for one in config.signing.required_prefixes):
        return []
    return [
        # What is set here is shared with the question, whose own URI and query are others.
        "set $edge_asked_token $edge_token;",
        'set $edge_asked_key "$edge_signature|$scheme://$http_host|$edge_folder";',
        f"auth_request {_TOLD};",
        f"auth_request_set $edge_refusal $upstream_http_{REFUSAL.lower().replace('-', '_')};",
        f"auth_request_set $edge_attributes $upstream_http_{ATTRIBUTES.lower().replace('-', '_')};",
    ]


def cookie_line(config: Config) -> list[str]:
    """What stands in a location of playlists."""
    return ["add_header Set-Cookie $edge_set_cookie;"] if config.signing.enabled else []
