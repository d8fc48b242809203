"""Links the next page of a list, in the body and in the header `Link` (RFC 8288)."""

from urllib.parse import urlencode

from fastapi import Request, Response

from shared.api.model import Parameters


def link_next(request: Request, response: Response, query: Parameters, **place: str) -> str:
    """Put the path of the page that begins at *place* into the header `Link`; return it."""
    path = f"{request.url.path}?{urlencode({**query.as_texts(), **place})}"
    response.headers["Link"] = f'<{path}>; rel="next"'
    return path
