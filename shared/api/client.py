"""The typed client of a site: performs calls at any of its gateways, at another one when one fails.

```python
with SiteClient(gateways, clock=now) as site:
    status = site.ask(cluster_status())
```

A call is sent again, to the next gateway, as long as no answer comes and there is time, and so is
one that a stopping gateway hands back; whatever else a gateway answers is final. Each change has
one `Idempotency-Key` however often it is sent, so that the site makes it once. The HTTP library is
imported when a client is made, not with this module.
"""

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self, TypeVar

from pydantic import BaseModel

from shared.api.answer import Answer, ConnectionFailed, read_answer, refusal
from shared.api.call import API, Call
from shared.api.model import Page
from shared.domain.errors import BadSettings, MeridianError, Stopping, Unavailable
from shared.domain.ids import Instant

if TYPE_CHECKING:
    from shared.api.transport import Transport

PATIENCE_SECONDS: Final = 20.0
PAUSE_SECONDS: Final = 0.3
KEY_HEADER: Final = "Idempotency-Key"

R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SiteAccess:
    """The site's gateways, the authority that proves them, and the *token*, empty for nobody."""

    gateways: Sequence[str]
    ca_file: str = ""
    token: str = ""


def _open_transport(ca_file: str) -> "Transport":
    from shared.api.transport import Transport  # noqa: PLC0415 (importing httpx takes 60 ms)

    return Transport(ca_file)


class SiteClient:
    """Calls the API of a site."""

    def __init__(
        self,
        access: SiteAccess,
        clock: Callable[[], Instant],
        sleep: Callable[[float], None] = time.sleep,
        open_transport: "Callable[[str], Transport]" = _open_transport,
        draw_key: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self._access = access
        self._gateways = list(access.gateways)
        self._now = clock
        self._sleep = sleep
        self._draw_key = draw_key
        self._transport = open_transport(access.ca_file)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def ask(self, call: Call[R]) -> R:
        """The site's answer, within about the call's own time.

        Raises:
            Unavailable: no gateway could be reached.
            MeridianError: the site refused; it is the error that the answer names.
        """
        call, until = self._keyed(call), self._until(call)
        while True:
            try:
                return read_answer(self._send(call), call.answer)
            except Stopping:
                if self._is_late(until):
                    raise
            except ConnectionFailed as failure:
                self._require_time(until, failure)
            self._turn_to_next()

    def pages(self, call: Call[Page[T]]) -> Iterator[T]:
        """The items of every page, from that of *call* on.

        Raises:
            MeridianError: as `ask`.
        """
        following: Call[Page[T]] | None = call
        while following is not None:
            page = self.ask(following)
            yield from page.items
            following = call.at(page.next) if page.next is not None else None

    def try_once(self, call: Call[R]) -> R | None:
        """Return the answer of the gateway in use; None when it gives nothing of use in time."""
        try:
            return read_answer(self._send(call), call.answer)
        except (ConnectionFailed, MeridianError):
            return None

    def download(self, call: Call[bytes]) -> Iterator[bytes]:
        """Yield the answer of the site to a POST, as its bytes come.

        Raises:
            Unavailable: no gateway can be reached, or the answer broke off.
            MeridianError: the site refused; it is the error that the answer names.
        """
        until = self._until(call)
        while True:
            try:
                yield from self._download(call)
            except Stopping:  # it comes before the first byte
                if self._is_late(until):
                    raise
            else:
                return
            self._turn_to_next()

    def upload(self, call: Call[R], read_parts: Callable[[], Iterable[bytes]]) -> R:
        """The site's answer to the parts that *read_parts* begins anew, sent as they come.

        Raises:
            Unavailable: no gateway can be reached, or the connection broke off.
            MeridianError: the site refused; it is the error that the answer names.
        """
        call, until = self._keyed(call), self._until(call)
        while True:
            try:
                return read_answer(self._upload(call, read_parts()), call.answer)
            except Stopping:
                if self._is_late(until):
                    raise
            self._turn_to_next()

    def _download(self, call: Call[bytes]) -> Iterator[bytes]:
        url, headers = self._url(call), self._headers(call)
        try:
            with self._transport.download(url, headers, call.seconds) as (answer, parts):
                if not answer.is_success:
                    raise refusal(answer)
                yield from parts
        except ConnectionFailed as failure:
            raise Unavailable(f"the answer broke off ({failure.message}): try again") from failure

    def _upload(self, call: Call[R], parts: Iterable[bytes]) -> Answer:
        url, headers = self._url(call), self._headers(call)
        try:
            return self._transport.upload(url, headers, parts, call.seconds)
        except ConnectionFailed as failure:
            sentence = f"the connection broke off ({failure.message}): try again"
            raise Unavailable(sentence) from failure

    def _send(self, call: Call[R]) -> Answer:
        body = call.body
        if isinstance(body, BaseModel):
            body = body.model_dump(mode="json", exclude_unset=True)
        return self._transport.send(
            call.method, self._url(call), self._headers(call), body, call.seconds
        )

    def _keyed(self, call: Call[R]) -> Call[R]:
        """Return *call* with the key under which the site makes its change once."""
        if call.method == "GET" or KEY_HEADER in call.headers:
            return call
        return replace(call, headers={**call.headers, KEY_HEADER: self._draw_key()})

    def _until(self, call: Call[R]) -> float:
        return self._now() + max(PATIENCE_SECONDS, call.seconds)

    def _is_late(self, until: float) -> bool:
        return self._now() >= until

    def _turn_to_next(self) -> None:
        """Use the next gateway from now on, after a pause."""
        self._gateways.append(self._gateways.pop(0))
        self._sleep(PAUSE_SECONDS)

    def _url(self, call: Call[R]) -> str:
        return f"{self._gateways[0]}{API}{call.path}"

    def _headers(self, call: Call[R]) -> dict[str, str]:
        token = self._access.token
        own = {"Authorization": f"Bearer {token}"} if token else {}
        return {**own, **call.headers}

    def _require_time(self, until: float, failure: ConnectionFailed) -> None:
        """Return if there is time for another attempt.

        Raises:
            BadSettings: no attempt ever succeeds.
            Unavailable: the time is over.
        """
        gateway = self._gateways[0]
        if "CERTIFICATE_VERIFY_FAILED" in failure.message:
            raise BadSettings(
                f"{gateway} is not the site that you trust: give its authority with --ca FILE"
            ) from failure
        if failure.is_misaddressed:
            raise BadSettings(f"{gateway!r} is no address of a site: begin with https://")
        if self._is_late(until):
            raise Unavailable(
                f"no front door of the site answers ({', '.join(self._gateways)}): "
                f"{failure.message}"
            )
