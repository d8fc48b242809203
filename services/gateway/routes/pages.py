"""Pages: where the next one is, in the answer and in the header `Link`."""

from urllib.parse import urlencode

from fastapi import Request, Response

from shared.api.model import Parameters


def link_next(request: Request, response: Response, query: Parameters, **place: str) -> str:
    """The path of the page that begins at *place*, which *response* links to."""
    texts = {**query.as_texts(), **place}
    path = f"{request.url.path}?{urlencode(texts)}"
    response.headers["Link"] = f'<{path}>; rel="next"'
    return path
