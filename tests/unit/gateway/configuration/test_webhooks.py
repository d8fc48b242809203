"""What the API shows of a webhook beside its document."""

from dataclasses import asdict

import pytest

from shared.documents import Kind
from shared.domain.webhook import WebhookProgress, WebhookState
from tests.unit.gateway.conftest import InMemoryGateway, People


async def test_the_secret_is_for_administrators_and_never_in_the_document(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    fake.site.write(Kind.WEBHOOK, "ops", {"url": "https://a.example/"})

    shown = (await admin.get("/webhooks/ops/secret")).json()

    assert shown["webhook"] == "ops"
    assert shown["secret"].startswith("whsec_")
    for path in ("/webhooks/ops", "/webhooks", "/export"):
        assert shown["secret"] not in (await admin.get(path)).text
    for role in ("auditor", "representative"):
        person = await people.signed_in("somebody", role)
        assert (await person.get("/webhooks/ops/secret")).status_code == 403


async def test_another_number_is_another_secret(people: People, fake: InMemoryGateway) -> None:
    admin = await people.admin()
    secrets: list[str] = []
    for number in (1, 2, 1):
        body = {"url": "https://a.example/", "secret_number": number}
        fake.site.write(Kind.WEBHOOK, "ops", body)
        secrets.append((await admin.get("/webhooks/ops/secret")).json()["secret"])

    assert secrets[0] == secrets[2] != secrets[1]


async def test_how_far_the_deliveries_are_is_asked_of_the_one_that_delivers(
    people: People, fake: InMemoryGateway
) -> None:
    admin = await people.admin()
    progress = WebhookProgress(
        webhook="ops", state=WebhookState.FAILING, waiting=12, attempts=3, cause="it answers 500"
    )
    fake.site.webhooks = [progress]

    assert (await admin.get("/webhooks/ops/progress")).json() == asdict(progress)
    fake.site.is_down = True
    assert (await admin.get("/webhooks/ops/progress")).status_code == 503


@pytest.mark.parametrize("path", ["/webhooks/nobody/secret", "/webhooks/nobody/progress"])
async def test_a_webhook_that_is_not_there_is_reported(people: People, path: str) -> None:
    admin = await people.admin()
    answer = await admin.get(path)

    assert answer.status_code == 404
    assert "'nobody'" in answer.json()["detail"]
