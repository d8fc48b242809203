"""Pages of a list: where the next one is, in the body and in the header `Link`."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response


def link_next(request: Request, response: Response, query: Mapping[str, Any]) -> str:
    """Put the next page's address into the header `Link` (RFC 8288) of *response*; return it."""
    address = f"{request.url.path}?{urlencode(query)}"
    response.headers["Link"] = f'<{address}>; rel="next"'
    return address
