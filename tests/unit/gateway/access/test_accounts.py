import pytest

from services.gateway.core.sign_in_attempts import WRONG_PASSWORDS
from shared.documents import Kind
from shared.domain.document import Ref
from shared.events.security import SignInRefused
from tests.unit.gateway.conftest import PASSWORD, InMemoryGateway, People


async def test_the_right_password_signs_in(people: People) -> None:
    admin = await people.admin()

    assert (await admin.get("/status")).status_code == 200


@pytest.mark.parametrize(("user", "password"), [("admin", "wrong one"), ("nobody", PASSWORD)])
async def test_a_wrong_user_and_a_wrong_password_are_reported_alike(
    people: People, user: str, password: str
) -> None:
    await people.admin()

    answer = await people.stranger.call("POST", "/login", {"username": user, "password": password})

    assert answer.status_code == 401
    body = answer.json()
    assert (body["code"], body["detail"]) == ("unauthenticated", "user or password is wrong")


async def test_a_disabled_user_is_not_let_in(people: People, fake: InMemoryGateway) -> None:
    await people.admin()
    body = {**fake.site.documents[Ref(Kind.USER, "admin")].body, "disabled": True}
    fake.site.write(Kind.USER, "admin", body)

    answer = await people.stranger.call(
        "POST", "/login", {"username": "admin", "password": PASSWORD}
    )

    assert answer.status_code == 401


@pytest.mark.parametrize("token", ["", "x", "a.b"])
async def test_without_a_token_of_this_site_nothing_is_shown(people: People, token: str) -> None:
    person = people.stranger
    person.token = token

    answer = await person.get("/status")

    assert answer.status_code == 401
    assert answer.json()["code"] == "unauthenticated"


async def test_a_token_ends(people: People, fake: InMemoryGateway) -> None:
    admin = await people.admin()
    fake.clock.at += 13 * 3600

    answer = await admin.get("/status")

    assert answer.status_code == 401
    assert "has ended" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("role", "method", "path", "allowed"),
    [
        ("auditor", "GET", "/site", True),
        ("auditor", "GET", "/export", True),
        ("auditor", "GET", "/sessions", True),
        ("auditor", "POST", "/sessions", False),
        ("auditor", "PUT", "/nodes/x", False),
        ("auditor", "DELETE", "/users/admin", False),
        ("auditor", "POST", "/sync", False),
        ("representative", "POST", "/sessions", True),
        ("representative", "GET", "/sessions", True),
        ("representative", "GET", "/site", False),
        ("representative", "GET", "/users", False),
        ("representative", "PUT", "/site", False),
        ("representative", "POST", "/select", False),
    ],
)
async def test_each_role_reaches_what_it_may(
    people: People, role: str, method: str, path: str, *, allowed: bool
) -> None:
    person = await people.signed_in("someone", role)

    answer = await person.call(method, path, {} if method != "GET" else None)

    assert (answer.status_code != 403) is allowed
    if not allowed:
        assert answer.json()["code"] == "forbidden"


async def test_an_endpoints_token_signs_nobody_in(people: People) -> None:
    admin = await people.admin()
    credentials = (await admin.call("POST", "/sessions")).json()
    person = people.stranger
    person.token = credentials["endpoint_token"]

    assert (await person.get("/status")).status_code == 401


@pytest.mark.parametrize("body", [{}, {"username": "a"}, {"username": "", "password": "x"}])
async def test_a_misshapen_request_is_reported_by_its_field(people: People, body: object) -> None:
    answer = await people.stranger.call("POST", "/login", body)

    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_request"
    assert answer.json()["field"] in {"username", "password"}


async def test_a_wrong_password_is_an_event_without_the_password(
    fake: InMemoryGateway, people: People
) -> None:
    body = {"username": "ann", "password": "a wrong one"}
    for _ in range(25):
        await people.stranger.call("POST", "/login", body)

    refused = SignInRefused(
        user="ann", client_address="192.0.2.7", cause="user or password is wrong"
    )
    assert fake.facts.kept == [refused] * WRONG_PASSWORDS
    assert all("a wrong one" not in str(each) for each in fake.facts.kept)
