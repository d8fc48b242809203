import logging

import pytest

from shared.crypto.envelope import Identity
from shared.domain.ids import NodeId
from shared.messaging.connection import NatsAccess, connection_options

ACCESS = NatsAccess(("nats://127.0.0.1:9",), "", "")
IDENTITY = Identity(NodeId("berlin"), "relay", "1")


async def test_servers_that_fail_in_turn_are_one_line_each_until_one_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    options = connection_options(ACCESS, IDENTITY, "broker")
    for outage in (1, 2):
        for _ in range(50):
            await options["error_cb"](ConnectionRefusedError("refused"))
            await options["error_cb"](TimeoutError("no answer"))
        warnings = [each for each in caplog.records if each.levelno == logging.WARNING]
        assert len(warnings) == 2 * outage
        with caplog.at_level(logging.INFO):
            await options["reconnected_cb"]()
    assert caplog.messages.count("connected to NATS again (broker)") == 2
