"""Who asks, as far as a request tells."""

from urllib.parse import unquote

VIEWER_MAX = 128
_SID = "sid%3D%22"  # sid="


def viewer_name(address: str | None, agent: str, query: str, session: str) -> str:
    """The CMCD session id (CTA-5004) of query or header, else address and User-Agent.

    Args:
        address: of the client.
        agent: the User-Agent field.
        query: the raw value of the query's CMCD argument.
        session: the CMCD-Session field.
    """
    if query:
        start = query.find(_SID) + len(_SID)
        sid = query[start : query.find("%22", start)] if start >= len(_SID) else ""
        if sid and "%" not in sid and "," not in sid:  # as players write it; nearly every request passes here
            return sid[:VIEWER_MAX]
    raw = unquote(query) if query else session
    if "sid=" in raw:
        return raw.partition("sid=")[2].partition(",")[0].strip('"')[:VIEWER_MAX]
    return f"{address} {agent}"[:VIEWER_MAX]
