"""Every subscription of a service is made by `shared.messaging.subscription`, by its message.

The broker's own ways to subscribe answer whatever carries a reply subject.
"""

import ast

import pytest

from tests.architecture.sources import PRODUCT, called, sources

ONE_PLACE = "shared/messaging/subscription.py"
BYPASSES = {
    *("NatsRoute", "SubscriberRoute", "NatsSubscriber"),
    *("subscriber", "publisher", "add_subscriber"),
}
"""By their last word: routes of the library, and the broker's and router's decorators."""


def bypasses(tree: ast.AST) -> list[int]:
    """The lines on which something is subscribed to, or its answers are sent, in another way."""
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and called(node).rpartition(".")[2] in BYPASSES
    ]


def test_nothing_is_subscribed_to_in_another_way() -> None:
    found = {source.name: bypasses(source.tree) for source in sources(*PRODUCT)}
    assert [name for name, lines in found.items() if lines] == [ONE_PLACE]


@pytest.mark.parametrize(
    "text",
    [
        "NatsRoute(handler, 'meridian.node.*.heartbeat')",
        "nats.NatsRoute(handler, subject)",
        "context.bus.broker.subscriber(subject)(handler)",
        "@router.subscriber(subject)\nasync def on_heartbeat(event): ...",
        "@broker.publisher(subject)\nasync def on_heartbeat(event): ...",
    ],
)
def test_a_subscription_by_subject_is_found(text: str) -> None:
    assert bypasses(ast.parse(text)) == [1]
