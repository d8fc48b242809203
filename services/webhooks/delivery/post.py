"""Posts to receivers that nobody trusts: no redirects, no proxies, a short time limit."""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

import httpx

from services.webhooks.core.delivery import Response
from shared.domain.containment import describe_error

ATTEMPT_SECONDS: Final = 15.0


class Post(Protocol):
    """Posts a body to a URL and gives the receiver's response."""

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Response: ...


class HttpPost:
    """Posts over HTTP(S) with the system's certificates; the response's body is never read."""

    def __init__(self, seconds: float = ATTEMPT_SECONDS) -> None:
        self._seconds = seconds
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=httpx.Timeout(seconds)
        )

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Response:
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("POST", url, headers=dict(headers), content=body) as response,
            ):
                location = response.headers.get("location", "")
                return Response(response.status_code, location=location)
        except (TimeoutError, httpx.TimeoutException):
            return Response(None, f"no answer within {self._seconds:g} s")
        except Exception as error:  # noqa: BLE001 (the library's own asserts judge what came, not us)
            return Response(None, f"it cannot be reached: {describe_error(error)}")

    async def close(self) -> None:
        await self._client.aclose()
