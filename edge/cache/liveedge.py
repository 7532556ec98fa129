"""The live edge: what a playlist names last is here before the playlist is handed out, where viewers ask for such.

So the first viewer of a new segment finds it, and a playlist that outlives the way to the origin names nothing that
nobody has fetched.
"""

from collections import OrderedDict

from edge.cache.lifetime import MEDIA_SUFFIXES

_WANTED_S = 15.0  # a folder of which viewers took segments so lately is watched here
_FOLDERS_MAX = 4096


class LiveEdge:
    """Folders of which viewers take segments; at most `_FOLDERS_MAX`, the last asked for."""

    def __init__(self) -> None:
        self._asked: OrderedDict[str, float] = OrderedDict()
        self._suffixes = tuple(MEDIA_SUFFIXES)

    def asked(self, path: str, now: float) -> None:
        """A viewer asked for a path. Every hit passes here: keep it cheap."""
        if not path.endswith(self._suffixes):
            return
        folder = path.rpartition("/")[0]
        if folder not in self._asked and len(self._asked) >= _FOLDERS_MAX:
            self._asked.popitem(last=False)
        self._asked[folder] = now
        self._asked.move_to_end(folder)

    def wants(self, path: str, now: float) -> bool:
        """Whether viewers take segments of the folder that a path is in."""
        return now - self._asked.get(path.rpartition("/")[0], -_WANTED_S) < _WANTED_S
