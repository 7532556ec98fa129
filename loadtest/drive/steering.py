"""HLS content steering as a player does it (RFC 8216bis §7): which pathway, who is asked next, and when."""

from typing import Any
from urllib.parse import quote

import orjson

from edge.demo.player import Stumble, join
from loadtest.drive.playlists import Main, Pathway, cloned

_TTL_S = 300.0  # where nothing is said
_TTL_MIN_S, _TTL_MAX_S = 1.0, 3600.0


class Steered:
    """The pathways of one multivariant playlist, and the one that is watched.

    Args:
        main: the playlist.
    """

    def __init__(self, main: Main) -> None:
        self._named = main.pathways
        self._pathways = main.pathways
        self.current = main.first
        self.server = main.steering  # whom to ask; empty: nobody
        self.ttl_s = _TTL_S

    @property
    def pathway(self) -> Pathway:
        """The one that is watched."""
        return self._pathways[self.current]

    def question(self, kbps: float | None) -> str:
        """The address to ask, with what a player tells there."""
        told = f"_HLS_pathway={quote(chr(34) + self.current + chr(34), safe='')}"
        if kbps is not None:
            told += f"&_HLS_throughput={round(kbps * 1000)}"
        return f"{self.server}{'&' if '?' in self.server else '?'}{told}"

    def told(self, body: bytes, url: str) -> bool:
        """Follow a steering manifest; whether it leads to another pathway.

        Raises:
            Stumble: it is none.
        """
        try:
            manifest: dict[str, Any] = orjson.loads(body)
            ttl_s = float(manifest.get("TTL", _TTL_S))
            wanted = [str(one) for one in manifest["PATHWAY-PRIORITY"]]
            again = str(manifest.get("RELOAD-URI", ""))
            orders = list(manifest.get("PATHWAY-CLONES", ()))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise Stumble("bad steering") from None
        self.ttl_s = min(max(ttl_s, _TTL_MIN_S), _TTL_MAX_S)
        self.server = join(url, again) if again else self.server
        self._pathways = cloned(self._named, orders)
        before = self.current
        self.current = next((one for one in wanted if one in self._pathways), before)
        if self.current not in self._pathways:  # a clone of which nothing is said any more
            self.current = next(iter(self._pathways))
        return self.current != before
