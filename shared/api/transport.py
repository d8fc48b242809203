"""HTTP for the client: the only module of `shared.api` that imports the HTTP library."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import httpx

from shared.api.answer import Answer, ConnectionFailed
from shared.api.trust import trusted_context

CONNECT_SECONDS: Final = 3.0


class Transport:
    """Connections to gateways; the site is known by the authority in *ca_file*."""

    def __init__(self, ca_file: str) -> None:
        self._http = httpx.Client(verify=trusted_context(ca_file))

    def close(self) -> None:
        self._http.close()

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, seconds: float
    ) -> Answer:
        """The answer to *body*, sent as JSON; None is no body.

        Raises:
            ConnectionFailed: none came.
        """
        with _failures():
            answer = self._http.request(
                method, url, json=body, headers=headers, timeout=_timeout(seconds)
            )
        return _answer(answer)

    def upload(
        self, url: str, headers: Mapping[str, str], parts: Iterable[bytes], seconds: float
    ) -> Answer:
        """The answer to *parts*, sent by POST as they come.

        Raises:
            ConnectionFailed: none came.
        """
        with _failures():
            answer = self._http.post(url, content=parts, headers=headers, timeout=_timeout(seconds))
        return _answer(answer)

    @contextmanager
    def download(
        self, url: str, headers: Mapping[str, str], seconds: float
    ) -> Generator[tuple[Answer, Iterator[bytes]]]:
        """The answer to a POST: without its content, which comes part by part, if it is a success.

        Raises:
            ConnectionFailed: none came, or it broke off.
        """
        timeout = _timeout(seconds)
        with _failures(), self._http.stream("POST", url, headers=headers, timeout=timeout) as got:
            if not got.is_success:
                got.read()
                yield _answer(got), iter(())
            else:
                yield Answer(got.status_code, b"", str(got.url)), got.iter_bytes()


def _timeout(seconds: float) -> httpx.Timeout:
    return httpx.Timeout(seconds, connect=min(seconds, CONNECT_SECONDS))


def _answer(answer: httpx.Response) -> Answer:
    return Answer(answer.status_code, answer.content, str(answer.url))


@contextmanager
def _failures() -> Generator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise ConnectionFailed(
            str(error) or type(error).__name__,
            is_misaddressed=isinstance(error, httpx.UnsupportedProtocol),
        ) from error
