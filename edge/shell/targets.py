"""What comes as a request's target: bytes that may be no text at all."""

from aiohttp import web


def refused_target(request: web.BaseRequest) -> web.Response | None:
    """The answer to a target that is no UTF-8, which could stand in no address and no answer; None for all others."""
    if request.raw_path.isascii():
        return None
    try:
        request.raw_path.encode()
    except UnicodeEncodeError:
        return web.Response(status=400, text="a target is ASCII; percent-encode all else\n")
    return None
