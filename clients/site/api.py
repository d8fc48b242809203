"""Talking to a site: any of its front doors will do, and another one when that is gone."""

import ssl
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Self

import httpx

from clients.clock import now
from clients.site.profile import Profile
from shared.decoding.errors import Undecodable
from shared.decoding.jsontext import FILE, decode_json
from shared.domain.errors import BadSettings, MeridianError, Unavailable, from_code

PATIENCE_SECONDS: Final = 20.0
CALL_SECONDS: Final = 18.0
CONNECT_SECONDS: Final = 3.0
PAUSE_SECONDS: Final = 0.3
API: Final = "/api/v1"
PROBLEM: Final = frozenset({"type", "title", "status"})
"""Members of every problem document; they say nothing that its code does not."""


def trusting(ca_file: str) -> ssl.SSLContext:
    """How to know the site: by its own authority when one is given, else by the system's.

    Raises:
        BadSettings: the file holds no certificate.
    """
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise BadSettings(f"{ca_file} holds no certificate that can be trusted: {error}") from error


class SiteClient:
    """Calls the site's API with the profile's token."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._gateways = list(profile.require_site())
        self._http = httpx.Client(verify=trusting(profile.ca_file))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def get(self, path: str) -> Any:
        """What is at *path*."""
        return self.call("GET", path)

    def download(self, path: str, headers: Mapping[str, str], seconds: float) -> Iterator[bytes]:
        """What the site answers to a POST, as its bytes come.

        Raises:
            Unavailable: no front door can be reached, or the answer broke off.
            MeridianError: the site said no; it is the error that it named.
        """
        try:
            with self._http.stream(
                "POST",
                self._url(path),
                headers={**self._own_headers(), **headers},
                timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
            ) as answer:
                if not answer.is_success:
                    answer.read()
                    _read(answer)
                yield from answer.iter_bytes()
        except httpx.TransportError as error:
            raise Unavailable(f"the answer broke off ({_said(error)}): try again") from error

    def upload(
        self, path: str, parts: Iterable[bytes], headers: Mapping[str, str], seconds: float
    ) -> Any:
        """The site's answer to *parts*, sent as they come.

        Raises:
            Unavailable: no front door can be reached, or the connection broke off.
            MeridianError: the site said no; it is the error that it named.
        """
        try:
            answer = self._http.post(
                self._url(path),
                content=parts,
                headers={**self._own_headers(), **headers},
                timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
            )
        except httpx.TransportError as error:
            raise Unavailable(f"the connection broke off ({_said(error)}): try again") from error
        return _read(answer)

    def _url(self, path: str) -> str:
        return f"{self._gateways[0]}{API}{path}"

    def _own_headers(self) -> dict[str, str]:
        token = self._profile.token
        return {"Authorization": f"Bearer {token}"} if token else {}

    def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        seconds: float = CALL_SECONDS,
    ) -> Any:
        """The site's answer, within about *seconds*.

        Raises:
            Unavailable: no front door could be reached.
            MeridianError: the site said no; it is the error that it named.
        """
        until = now() + max(PATIENCE_SECONDS, seconds)
        while True:
            try:
                answer = self._http.request(
                    method,
                    self._url(path),
                    json=body,
                    headers={**self._own_headers(), **(headers or {})},
                    timeout=httpx.Timeout(seconds, connect=CONNECT_SECONDS),
                )
            except httpx.TransportError as error:
                _require_time(until, self._gateways, error)
                self._gateways.append(self._gateways.pop(0))
                time.sleep(PAUSE_SECONDS)
                continue
            return _read(answer)

    def try_once(self, path: str, body: Any, seconds: float) -> Any:
        """What the front door in use answers to a POST within *seconds*; None: nothing of use."""
        try:
            url = f"{self._gateways[0]}{API}{path}"
            return _read(self._http.post(url, json=body, timeout=seconds))
        except (httpx.TransportError, MeridianError):
            return None


def _require_time(until: float, gateways: list[str], error: httpx.TransportError) -> None:
    text = _said(error)
    if "CERTIFICATE_VERIFY_FAILED" in text:
        raise BadSettings(
            f"{gateways[0]} is not the site that you trust: give its authority with --ca FILE"
        ) from error
    if isinstance(error, httpx.UnsupportedProtocol):
        raise BadSettings(f"{gateways[0]!r} is no address of a site: begin with https://")
    if now() >= until:
        raise Unavailable(f"no front door of the site answers ({', '.join(gateways)}): {text}")


def _said(error: Exception) -> str:
    return str(error) or type(error).__name__


def _read(answer: httpx.Response) -> Any:
    try:
        body: Any = decode_json(answer.content, FILE)
    except Undecodable as error:
        body = {"code": Unavailable.code, "detail": f"the site answered {answer.status_code}"}
        if answer.is_success:
            said = f"what answers at {answer.url} speaks another protocol: {error.message}"
            raise Unavailable(said) from error
    if answer.is_success:
        return body
    attributes: dict[str, Any] = {**body} if isinstance(body, dict) else {}
    code = str(attributes.pop("code", "error"))
    message = str(attributes.pop("detail", f"the site answered {answer.status_code}"))
    attributes = {name: attributes[name] for name in attributes.keys() - PROBLEM}
    refusal: MeridianError = from_code(code, message, **attributes)
    raise refusal
