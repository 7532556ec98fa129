"""The buffer of a player: when the picture begins, and when it stands still."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Playback:
    """Media that is there, by track, and the picture that uses it up.

    Args:
        kinds: of the tracks that must be there together.
    """

    kinds: tuple[str, ...]
    began: float | None = None  # when the picture first moved, seconds
    stalls: int = 0
    _have: dict[str, float] = field(default_factory=dict)  # seconds of media that arrived
    _played: float = 0.0
    _moves: bool = False
    _at: float = 0.0  # up to when it was reckoned; of a picture that stands, since when it does
    _stalled: float = 0.0

    def arrived(self, kind: str, seconds: float, now: float) -> None:
        """So much more of a track; a picture that stood goes on where all tracks have something."""
        self._reckon(now)
        self._have[kind] = self._have.get(kind, 0.0) + seconds
        if self._moves or self._ready() <= self._played:
            return
        if self.began is None:
            self.began = now
        else:
            self._stalled += now - self._at
        self._moves, self._at = True, now

    def level(self, now: float) -> float:
        """Seconds of media ahead of the picture."""
        self._reckon(now)
        return max(0.0, self._ready() - self._played)

    def stands(self, now: float) -> bool:
        """Whether a picture that had begun stands still."""
        self._reckon(now)
        return self.began is not None and not self._moves

    def stalled_s(self, now: float) -> float:
        """Seconds for which it stood, all in all."""
        return self._stalled + (now - self._at if self.stands(now) else 0.0)

    def _ready(self) -> float:
        return min(self._have.get(kind, 0.0) for kind in self.kinds)

    def _reckon(self, now: float) -> None:
        if not self._moves:
            return
        left = self._ready() - self._played
        if now - self._at < left:
            self._played += now - self._at
            self._at = now
            return
        self._played += left
        self._at += left
        self._moves = False
        self.stalls += 1
