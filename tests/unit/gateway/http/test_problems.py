"""Every refusal is a problem document."""

from collections.abc import AsyncGenerator

import httpx
import pytest
import pytest_asyncio
from fastapi import FastAPI

from services.gateway.app import build_api
from services.gateway.core.sign_in_attempts import WRONG_PASSWORDS
from services.gateway.http.problems import answer_with_problems, status_of
from shared.api.problems import MEDIA_TYPE
from shared.domain.errors import BY_CODE, MeridianError, NoTrafficNode, Rejected, Unavailable
from tests.unit.gateway.conftest import InMemoryGateway, People

MEMBERS = {"type", "title", "status", "detail", "code"}


def require_problem(answer: httpx.Response, status: int, code: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == MEDIA_TYPE
    body = answer.json()
    assert body.keys() >= MEMBERS
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"urn:meridian:problem:{code}"
    assert body["detail"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nodes/nowhere", None, 404, "not_found"),
        ("GET", "/planets", None, 404, "not_found"),
        ("GET", "/a/b/c/d", None, 404, "not_found"),
        ("DELETE", "/nodes", None, 405, "method_not_allowed"),
        ("PUT", "/nodes/berlin", {"role": "traffic", "colour": 1}, 422, "invalid_change"),
        ("PUT", "/nodes/berlin", [1], 422, "invalid_request"),
        ("POST", "/nodes", {"id": "x"}, 422, "invalid_request"),
        ("POST", "/apply", {"documents": [{"kind": "planet"}]}, 422, "invalid_request"),
    ],
)
async def test_every_refusal_is_a_problem_document(
    people: People, method: str, path: str, body: object, status: int, code: str
) -> None:
    admin = await people.admin()

    require_problem(await admin.call(method, path, body), status, code)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 200_000, "too_deep"),
        (b'{"id":' + b"9" * 5_000 + b"}", "number_out_of_range"),
        (b'{"id":1e999}', "number_out_of_range"),
        (b'{"id":"\xff"}', "not_text"),
        (b'{"id":"a\\u0000"}', "not_text"),
        (b'{"id":NaN}', "bad_syntax"),
        (b"{", "bad_syntax"),
    ],
)
@pytest.mark.parametrize("path", ["/nodes", "/login", "/queue"])
async def test_a_body_that_is_no_json_within_bounds_is_refused_with_its_reason(
    people: People, path: str, body: bytes, reason: str
) -> None:
    admin = await people.admin()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {admin.token}"}

    answer = await people.client.post(f"/api/v1{path}", content=body, headers=headers)

    if path != "/nodes" and len(body) > 65_536:
        require_problem(answer, 413, "too_large")
    else:
        require_problem(answer, 400, "undecodable")
        assert answer.json()["reason"] == reason


async def test_a_problem_names_the_field_that_is_wrong(people: People) -> None:
    admin = await people.admin()

    answer = await admin.call("POST", "/nodes", {"id": "", "body": {}})

    assert answer.json()["field"] == "id"
    assert answer.json()["detail"].startswith("id: ")


async def test_a_route_that_takes_other_methods_names_them(people: People) -> None:
    admin = await people.admin()

    answer = await admin.call("DELETE", "/nodes")

    assert answer.headers["Allow"]
    assert answer.json()["detail"] == "/api/v1/nodes does not take DELETE"


async def test_a_stranger_is_asked_to_sign_in(people: People) -> None:
    answer = await people.stranger.get("/nodes")

    require_problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


async def test_who_may_not_is_refused(people: People) -> None:
    rita = await people.signed_in("rita", "representative")

    require_problem(await rita.get("/nodes"), 403, "forbidden")


async def test_who_was_wrong_too_often_gets_the_time_to_wait(people: People) -> None:
    for _ in range(WRONG_PASSWORDS):
        await people.stranger.call("POST", "/login", {"username": "x", "password": "wrong"})

    answer = await people.stranger.call("POST", "/login", {"username": "x", "password": "wrong"})

    require_problem(answer, 429, "too_many_attempts")
    assert int(answer.headers["Retry-After"]) == answer.json()["retry_after_seconds"] > 0


async def test_what_is_not_possible_now_says_when_to_ask_again(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    fake.site.is_down = True

    answer = await admin.get("/nodes/berlin")

    require_problem(answer, 503, "unavailable")
    assert answer.headers["Retry-After"] == "2"


@pytest_asyncio.fixture
async def broken() -> AsyncGenerator[httpx.AsyncClient]:
    """An API whose routes fail."""
    api = FastAPI()
    answer_with_problems(api)

    @api.get("/later")
    async def later() -> None:
        raise NoTrafficNode("all are full", retry_after_seconds=7, type="x", status=1)

    @api.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret of the inside")

    transport = httpx.ASGITransport(app=api, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="https://site") as client:
        yield client


async def test_an_error_that_knows_when_to_ask_again_is_believed(
    broken: httpx.AsyncClient,
) -> None:
    answer = await broken.get("/later")

    require_problem(answer, 503, "no_traffic_node")
    assert answer.headers["Retry-After"] == "7"


async def test_our_own_failure_shows_nothing_of_the_inside(broken: httpx.AsyncClient) -> None:
    answer = await broken.get("/broken")

    require_problem(answer, 500, "error")
    assert "secret" not in answer.text


def test_the_interface_description_shows_problems_for_every_operation(
    fake: InMemoryGateway,
) -> None:
    paths = build_api(fake.gateway).openapi()["paths"]

    operations = [
        (path, method, operation["responses"])
        for path, methods in paths.items()
        for method, operation in methods.items()
        if path.startswith("/api/")
    ]
    assert operations
    for path, method, responses in operations:
        schema = responses["default"]["content"][MEDIA_TYPE]["schema"]
        assert set(schema["required"]) >= MEMBERS, (path, method)
        assert "422" not in responses, (path, method)


def test_the_remedy_shows_in_the_status() -> None:
    for error in BY_CODE.values():
        status = status_of(error("x"))
        if issubclass(error, Rejected):
            assert 400 <= status < 500
        elif issubclass(error, Unavailable):
            assert status == 503
    assert status_of(MeridianError("x")) == 500
