"""Runs in a pod: asks each URL given, follows nothing, and prints what came, as one JSON list."""

import http.client
import json
import sys
import urllib.error
import urllib.request
from typing import Any

ANSWER_S = 5.0


class _Stay(urllib.request.HTTPRedirectHandler):
    """Leaves a redirect to us."""

    def redirect_request(self, *_args: object) -> None:
        return None


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)


def fetch(url: str) -> dict[str, Any]:
    """Status (0: no answer), headers with small names, and the body's length and first kilobytes."""
    try:
        with _OPENER.open(url, timeout=ANSWER_S) as answer:
            return told(answer.status, answer.headers, answer.read())
    except urllib.error.HTTPError as answer:
        return told(answer.code, answer.headers, answer.read())
    except (OSError, http.client.HTTPException) as error:
        return {"status": 0, "headers": {}, "length": 0, "text": str(error)}


def told(status: int, headers: Any, body: bytes) -> dict[str, Any]:
    """What is said of an answer."""
    names = {name.lower(): value for name, value in headers.items()}
    return {
        "status": status,
        "headers": names,
        "length": len(body),
        "text": body[:4096].decode(errors="replace"),
    }


if __name__ == "__main__":
    sys.stdout.write(json.dumps([fetch(url) for url in sys.argv[1:]]))
