# pyright: reportUnknownMemberType=false
"""The site's address follows the role, and the role waits for nothing of it."""

import asyncio
import json
from typing import Any

import pytest
from nats.aio.msg import Msg

from tests.integration.failover_monitor.site import MONITOR, Masters, masters
from tests.integration.failover_monitor.webserver import WebServer, web_server

pytestmark = pytest.mark.integration


async def configure(site: Masters, redirection: dict[str, Any]) -> None:
    """Put the site's document into both databases, as an applied change does."""
    body = {"name": "support.example.com", "redirection": redirection}
    for database in site.databases.values():
        async with database.connection() as connection:
            await connection.execute(
                "INSERT INTO document (kind, id, revision, body) VALUES ('site', 'site', 0, $1)",
                body,
            )


def notified(web: WebServer) -> list[str]:
    return [json.loads(body)["node"] for _, body in web.heard]


async def test_a_hook_that_hangs_endangers_no_role_and_is_repeated_on_whoever_is_primary() -> None:
    published: list[dict[str, Any]] = []

    async def on_event(message: Msg) -> None:
        published.append(json.loads(message.data))

    async with web_server() as web, masters() as site:
        hook = {"webhook_url": web.url}
        await configure(site, {"method": "hook", "time_limit_seconds": 1, "hook": hook})
        await site.client.subscribe("meridian.event.failover.redirection_changed", cb=on_event)
        await site.start("alpha")
        await site.start("bravo")
        await site.until(lambda: len(web.heard) > 1 and len(published) > 1)
        assert site.acting() == "alpha"
        assert len({grant.epoch for grant in site.grants}) == 1
        assert [event["state"] for event in published] == ["pending", "failing"]
        assert published[1]["code"] == "redirection_failed"
        assert published[1]["cause"] == "hook took longer than 1 s and was stopped"

        web.status = "204 No Content"
        await site.until(lambda: published[-1]["state"] == "done")
        await site.until(lambda: bool(site.heartbeats.get("bravo", {}).get("could_take_over")))
        assert set(notified(web)) == {"alpha"}

        await site.kill("alpha", MONITOR)
        await site.until(
            lambda: published[-1]["node"] == "bravo" and published[-1]["state"] == "done"
        )
        assert notified(web)[-1] == "bravo"
        assert published[-1]["epoch"] == site.grants[-1].epoch
        count = len(web.heard)
        await asyncio.sleep(1.5)
        assert len(web.heard) == count, "what is done is not repeated"
