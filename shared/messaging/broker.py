"""The broker of a service: FastStream over NATS, with the signing layer innermost."""

from faststream.nats import NatsBroker
from faststream.nats.security import NatsUserPassword

from shared.crypto.envelope import Identity
from shared.messaging.connection import NatsAccess, inbox_prefix, options
from shared.messaging.middleware import Guard, SigningMiddleware, layers


def build_broker(access: NatsAccess, identity: Identity, guard: Guard) -> NatsBroker:
    """A broker that signs and checks every message; not connected yet."""
    assert guard.inbox_prefix == inbox_prefix(identity), (
        "replies are told by the inbox they come to"
    )
    return NatsBroker(
        security=NatsUserPassword(username=access.user, password=access.password),
        middlewares=layers(guard),
        logger=None,
        graceful_timeout=5.0,
        **options(access, identity, "broker"),
    )


def is_guarded(broker: NatsBroker) -> bool:
    """Whether the signing layer is there, as the innermost one."""
    innermost: object = broker.middlewares[-1] if broker.middlewares else None
    return isinstance(innermost, type) and issubclass(innermost, SigningMiddleware)
