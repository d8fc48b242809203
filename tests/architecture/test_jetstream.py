"""JetStream's subjects, error codes and context are known to `shared` alone.

Accounts and JetStream domains change the prefix of the API's subjects: they must be built in one
place. Its error codes are numbers that only the compare-and-set adapter may interpret.
"""

import re

from tests.architecture.sources import PRODUCT, sources

INSIDE = ("shared/messaging/", "shared/clusterlog/")
FORBIDDEN = {
    "a subject of JetStream": re.compile(r"\$JS\b"),
    "the context of nats-py, use SafeJetStream": re.compile(r"\bJetStreamContext\b"),
    "a code of JetStream's errors": re.compile(r"\b(err_code\s*(==|in)|100\d\d\b|10164\b)"),
    "a header of compare-and-set": re.compile(r"Nats-Expected-"),
}


def test_only_shared_messaging_and_the_log_know_the_names_of_jetstream() -> None:
    found = [
        f"{source.name}: {what}"
        for source in sources(*PRODUCT)
        if not source.name.startswith(INSIDE)
        for what, pattern in FORBIDDEN.items()
        if pattern.search(source.text)
    ]
    assert found == []


def test_the_prefix_of_the_api_is_written_once() -> None:
    found = [source.name for source in sources(*PRODUCT) if '"$JS.' in source.text]
    assert found == ["shared/messaging/jetstream.py"]
