"""What routing is asked, and what it answers."""

from typing import NamedTuple


class Place(NamedTuple):
    """Where a viewer is, as far as it is known; empty: it is not."""

    zone: str = ""
    region: str = ""
    isp: str = ""


NOWHERE = Place()


class RouteQuery(NamedTuple):
    """One viewer's question."""

    path: str  # decides, by its hash, the order in which nodes are preferred
    zone: str = ""  # the viewer's zone; none: no node is nearer than another
    new: bool = True  # whether a viewer comes with it whom a node may refuse: one who is not watching yet
    region: str = ""  # the viewer's region; that of his zone where it is not given
    isp: str = ""  # his provider: nodes of a zone that sit in it come before its others
    previous: str = ""  # the node he is at: he stays unless that is clearly worse
    viewer: str = ""  # who he is, so that a crowd for one path does not move as one; none: it does


class RouteAnswer(NamedTuple):
    """Where to go, and why."""

    node: str
    url: str  # the node's public address, without a trailing slash
    reason: str


class Candidate(NamedTuple):
    """One node in the explanation of an answer."""

    node: str
    zone: str
    isp: str
    load: float  # viewers over capacity, those on their way included
    allowed: float | None  # load below which it gets a viewer; none: it gets nobody whatever its load
    rank: int  # by hash among the nodes that are as near; 0: it was not among those asked
    verdict: str  # why it was taken, or why not


class Explanation(NamedTuple):
    """An answer with everybody who was not taken."""

    answer: RouteAnswer | None
    reason: str  # the answer's, or why there is none
    candidates: tuple[Candidate, ...]  # the chosen one first, then those as near by rank, then the others
