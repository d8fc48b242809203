"""The typed client: another gateway when one is gone, for so long; and what answers mean."""

import json
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest
from pydantic import TypeAdapter

from shared.api.answer import Answer, ConnectionFailed
from shared.api.call import Call, path_of
from shared.api.client import SiteAccess, SiteClient
from shared.api.model import ApiModel, Page
from shared.domain.errors import (
    BadSettings,
    MeridianError,
    NoPrimary,
    NotFound,
    Stopping,
    Unavailable,
)
from shared.domain.ids import Instant

if TYPE_CHECKING:
    from shared.api.transport import Transport

TEAMS = Call("GET", "/teams", TypeAdapter(Page[str]))


class Order(ApiModel):
    """A body with a member that nobody has to set."""

    name: str
    count: int = 3


@dataclass
class Network:
    """Gateways that answer as told, and a clock that goes on with every pause."""

    answers: dict[str, Callable[[], Answer]]
    at: float = 0.0
    urls: list[str] = field(default_factory=list[str])
    bodies: list[Any] = field(default_factory=list[Any])
    headers: list[Mapping[str, str]] = field(default_factory=list[Mapping[str, str]])

    def now(self) -> Instant:
        return Instant(self.at)

    def sleep(self, seconds: float) -> None:
        self.at += seconds

    def send(
        self, method: str, url: str, headers: Mapping[str, str], body: Any, seconds: float
    ) -> Answer:
        del method, seconds
        self.urls.append(url)
        self.bodies.append(body)
        self.headers.append(headers)
        return self.answers[url.partition("/api/v1")[0]]()

    @contextmanager
    def download(
        self, url: str, headers: Mapping[str, str], seconds: float
    ) -> Generator[tuple[Answer, Iterator[bytes]]]:
        answer = self.send("POST", url, headers, None, seconds)
        yield answer, self._parts(answer.content)

    def upload(
        self, url: str, headers: Mapping[str, str], parts: Iterable[bytes], seconds: float
    ) -> Answer:
        return self.send("POST", url, headers, b"".join(parts), seconds)

    def _parts(self, content: bytes) -> Iterator[bytes]:
        yield content
        raise ConnectionFailed("reset")


def answered(value: object, status: int = 200) -> Callable[[], Answer]:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lambda: Answer(status, content, "https://site/api/v1/teams")


def unreachable(message: str = "refused", *, is_misaddressed: bool = False) -> Callable[[], Answer]:
    def fail() -> Answer:
        raise ConnectionFailed(message, is_misaddressed=is_misaddressed)

    return fail


def client(network: Network, token: str = "") -> SiteClient:
    access = SiteAccess(tuple(network.answers), token=token)
    transport = cast("Transport", network)
    return SiteClient(access, network.now, network.sleep, lambda _: transport, lambda: "key")


def test_another_gateway_is_asked_when_one_does_not_answer() -> None:
    network = Network({"https://a": unreachable(), "https://b": answered({"items": ["help"]})})
    site = client(network)
    assert site.ask(TEAMS).items == ("help",)
    assert site.ask(TEAMS).items == ("help",)
    assert [url[:9] for url in network.urls] == ["https://a", "https://b", "https://b"]


def test_a_site_that_never_answers_is_given_up_when_the_time_is_over() -> None:
    network = Network({"https://a": unreachable(), "https://b": unreachable()})
    with pytest.raises(Unavailable, match="no front door of the site answers"):
        client(network).ask(TEAMS)
    assert 20 <= network.at < 21


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (unreachable("CERTIFICATE_VERIFY_FAILED"), "is not the site that you trust"),
        (unreachable(is_misaddressed=True), "begin with https://"),
    ],
)
def test_what_never_succeeds_is_not_repeated(failure: Callable[[], Answer], sentence: str) -> None:
    network = Network({"https://a": failure})
    with pytest.raises(BadSettings, match=sentence):
        client(network).ask(TEAMS)
    assert len(network.urls) == 1


def test_a_refusal_is_the_error_that_it_names() -> None:
    problem = {"type": "urn:x", "title": "X", "status": 404, "code": "not_found", "id": "help"}
    network = Network({"https://a": answered({**problem, "detail": "no team"}, 404)})
    with pytest.raises(NotFound, match="no team") as caught:
        client(network).ask(TEAMS)
    assert caught.value.attributes == {"id": "help"}


@pytest.mark.parametrize(
    ("content", "status"), [(b"<html>", 502), (b"<html>", 200), ([1], 200), ({"items": 7}, 200)]
)
def test_what_is_no_gateway_is_unavailable(content: object, status: int) -> None:
    network = Network({"https://a": answered(content, status)})
    with pytest.raises(Unavailable, match=r"the site answered 502|speaks another protocol"):
        client(network).ask(TEAMS)


def test_a_refusal_without_a_code_is_an_error() -> None:
    network = Network({"https://a": answered([1], 500)})
    with pytest.raises(MeridianError, match="the site answered 500"):
        client(network).ask(TEAMS)


def test_pages_are_one_list() -> None:
    listed: list[dict[str, Any]] = [
        {"items": ["a", "b"], "next": "/api/v1/teams?after=b"},
        {"items": [], "next": "/api/v1/teams?after=c"},
        {"items": ["d"], "next": None},
    ]
    pages = iter(listed)

    def turn() -> Answer:
        return answered(next(pages))()

    network = Network({"https://a": turn})
    assert list(client(network).pages(TEAMS)) == ["a", "b", "d"]
    assert [url.partition("/api/v1")[2] for url in network.urls] == [
        "/teams",
        "/teams?after=b",
        "/teams?after=c",
    ]


@pytest.mark.parametrize(
    "answer", [unreachable(), answered(b"no json"), answered({"code": "x"}, 503)]
)
def test_a_single_attempt_gives_no_error(answer: Callable[[], Answer]) -> None:
    network = Network({"https://a": answer})
    assert client(network).try_once(TEAMS) is None
    assert len(network.urls) == 1


def test_a_body_says_what_was_set_and_the_token_who_asks() -> None:
    network = Network({"https://a": answered({"items": []})})
    call = Call("POST", "/teams", TypeAdapter(Page[str]), Order(name="x"), {"If-Match": '"7"'})
    client(network, "t").ask(call)
    assert network.bodies == [{"name": "x"}]
    own = {"Authorization": "Bearer t", "Idempotency-Key": "key"}
    assert network.headers == [{**own, "If-Match": '"7"'}]


def test_a_download_that_breaks_off_is_unavailable() -> None:
    network = Network({"https://a": answered(b"part")})
    parts = client(network).download(Call("POST", "/backup", TypeAdapter(bytes)))
    assert next(parts) == b"part"
    with pytest.raises(Unavailable, match="broke off"):
        next(parts)


def test_a_refused_download_is_the_error_that_it_names() -> None:
    network = Network({"https://a": answered({"code": "not_found", "detail": "none"}, 404)})
    with pytest.raises(NotFound, match="none"):
        next(client(network).download(Call("POST", "/backup", TypeAdapter(bytes))))


def test_a_path_quotes_its_parts_and_parameters() -> None:
    assert path_of("users", "a&b/ü", after="x y") == "/users/a%26b%2F%C3%BC?after=x+y"


STOPPING = {"code": "stopping", "detail": "this gateway is stopping"}
CHANGE = Call("PUT", "/teams/help", TypeAdapter(dict[str, int]), {"members": []})


def test_what_a_stopping_gateway_hands_back_is_repeated_on_another_one_under_the_same_key() -> None:
    network = Network({"https://a": answered(STOPPING, 503), "https://b": answered({"n": 1})})
    assert client(network).ask(CHANGE) == {"n": 1}
    assert [url[:9] for url in network.urls] == ["https://a", "https://b"]
    assert [each["Idempotency-Key"] for each in network.headers] == ["key", "key"]


def test_a_gateway_that_stops_for_ever_is_given_up_when_the_time_is_over() -> None:
    network = Network({"https://a": answered(STOPPING, 503)})
    with pytest.raises(Stopping, match="this gateway is stopping"):
        client(network).ask(CHANGE)
    assert 20 <= network.at < 21


def test_other_refusals_are_not_repeated() -> None:
    network = Network({"https://a": answered({"code": "no_primary"}, 503)})
    with pytest.raises(NoPrimary):
        client(network).ask(CHANGE)
    assert len(network.urls) == 1


def test_a_reader_needs_no_key() -> None:
    network = Network({"https://a": answered({"items": []})})
    client(network).ask(TEAMS)
    assert network.headers == [{}]


def test_an_upload_that_a_stopping_gateway_hands_back_is_sent_again_from_its_beginning() -> None:
    network = Network({"https://a": answered(STOPPING, 503), "https://b": answered({"n": 1})})
    call = Call("POST", "/backup/restore", TypeAdapter(dict[str, int]))
    assert client(network).upload(call, lambda: iter((b"a", b"b"))) == {"n": 1}
    assert network.bodies == [b"ab", b"ab"]
    assert {each["Idempotency-Key"] for each in network.headers} == {"key"}


def test_a_download_that_a_stopping_gateway_refuses_is_begun_at_another_one() -> None:
    network = Network({"https://a": answered(STOPPING, 503), "https://b": answered(b"part")})
    parts = client(network).download(Call("POST", "/backup", TypeAdapter(bytes)))
    assert next(parts) == b"part"
