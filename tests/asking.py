"""What a viewer asks for, and gets."""

import ssl
from dataclasses import dataclass
from types import SimpleNamespace

import aiohttp
from yarl import URL

Answer = SimpleNamespace  # status, headers, body, cache: the parameters of Cache-Status


@dataclass(frozen=True, slots=True)
class Viewer:
    """Asks one server."""

    http: aiohttp.ClientSession
    url: str
    trust: ssl.SSLContext | bool = True

    async def get(self, path: str, method: str = "GET", **fields: str) -> Answer:
        """One request for a raw path; redirects are not followed, `_` in the names of `fields` stands for -."""
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        target = URL(self.url + path, encoded=True)
        async with self.http.request(
            method, target, headers=headers, allow_redirects=False, ssl=self.trust
        ) as answer:
            cache = answer.headers.get("Cache-Status", "").partition("; ")[2]
            return Answer(status=answer.status, headers=answer.headers, body=await answer.read(), cache=cache)
