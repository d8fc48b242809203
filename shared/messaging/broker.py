"""The broker of a service: FastStream over NATS, with the signing layer innermost."""

from faststream.nats import NatsBroker
from faststream.nats.security import NatsUserPassword
from nats.aio.client import Client

from shared.crypto.envelope import Identity
from shared.messaging.client import OnMalformed, SafeClient
from shared.messaging.connection import NatsAccess, connection_options, inbox_prefix
from shared.messaging.middleware import Guard, SigningMiddleware, build_layers, decode_declared


class SafeBroker(NatsBroker):
    """FastStream's broker over a client that no message can end; set *on_malformed* at once."""

    on_malformed: OnMalformed

    async def _connect(self) -> Client:
        client = SafeClient(self.on_malformed)
        await client.connect(**self._connection_kwargs)
        self.config.connect(client)
        return client


def build_broker(access: NatsAccess, identity: Identity, guard: Guard) -> NatsBroker:
    """A broker that signs and checks every message; not connected yet."""
    assert guard.inbox_prefix == inbox_prefix(identity), (
        "replies are recognised by the inbox that they arrive in"
    )
    broker = SafeBroker(
        security=NatsUserPassword(username=access.user, password=access.password),
        middlewares=build_layers(guard),
        decoder=decode_declared,
        logger=None,
        graceful_timeout=5.0,
        **connection_options(access, identity, "broker"),
    )
    broker.on_malformed = guard.rejections.record
    return broker


def is_guarded(broker: NatsBroker) -> bool:
    """Say whether the signing layer is there, as the innermost one."""
    innermost: object = broker.middlewares[-1] if broker.middlewares else None
    return isinstance(innermost, type) and issubclass(innermost, SigningMiddleware)
