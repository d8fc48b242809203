"""One HTTP POST to a receiver that nobody trusts: no redirects, no proxies, no patience."""

import asyncio
from collections.abc import Mapping
from typing import Final, Protocol

import httpx

from services.webhooks.core.delivery import Answer
from shared.domain.containment import describe_error

ATTEMPT_SECONDS: Final = 15.0


class Post(Protocol):
    """Takes a letter to a receiver."""

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer: ...


class HttpPost:
    """Posts over HTTP(S) with the system's certificates; the answer's body is never read."""

    def __init__(self, seconds: float = ATTEMPT_SECONDS) -> None:
        self._seconds = seconds
        self._client = httpx.AsyncClient(
            follow_redirects=False, trust_env=False, timeout=httpx.Timeout(seconds)
        )

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            async with (
                asyncio.timeout(self._seconds),
                self._client.stream("POST", url, headers=dict(headers), content=body) as response,
            ):
                location = response.headers.get("location", "")
                return Answer(response.status_code, location=location)
        except (TimeoutError, httpx.TimeoutException):
            return Answer(None, f"no answer within {self._seconds:g} s")
        except Exception as error:  # noqa: BLE001 (the library's own asserts judge what came, not us)
            return Answer(None, f"it cannot be reached: {describe_error(error)}")

    async def close(self) -> None:
        await self._client.aclose()
