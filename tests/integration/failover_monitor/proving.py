# pyright: reportUnknownMemberType=false
"""Config, replication and gateway of both masters, as far as they prove that they work.

A node in `deaf` answers none of them, and one in `refusing` says that its database refuses.
"""

import json
from dataclasses import dataclass, field
from typing import Final

from nats.aio.client import Client
from nats.aio.msg import Msg

from shared.crypto.envelope import REPLY, SIGNATURE_HEADER, Identity, Signer
from shared.crypto.keyring import KeyRing
from shared.crypto.nodekeys import TrustStore
from shared.domain.ids import Epoch, NodeId
from shared.events.proof import ServiceProof
from shared.messaging.middleware import CONTENT_TYPE, JSON
from shared.runtime.clock import SystemClock

REFUSALS: Final = 3


@dataclass
class ProvingServices:
    """Answers the questions of both monitors; *epochs* are those that config accepts changes in."""

    client: Client
    keyring: KeyRing
    epochs: dict[str, int]
    deaf: set[str] = field(default_factory=set[str])
    refusing: set[str] = field(default_factory=set[str])

    @staticmethod
    async def start(client: Client, trust: TrustStore, psk: str) -> "ProvingServices":
        """Subscribe to every question."""
        services = ProvingServices(client, KeyRing.derive(psk, trust.cluster_id), {})
        for service in ("config", "replication", "gateway"):
            await client.subscribe(f"meridian.{service}.*.prove", cb=services.on_question)
        return services

    async def on_question(self, message: Msg) -> None:
        _, service, node, _ = message.subject.split(".")
        if node in self.deaf:
            return
        clock = SystemClock()
        is_refused = node in self.refusing and service == "config"
        proof = ServiceProof(
            node=NodeId(node),
            worked_at=clock.now(),
            refusals=REFUSALS if is_refused else 0,
            cause="the disk is full" if is_refused else "",
            epoch=Epoch(0 if is_refused else self.epochs.get(node, 0)),
        )
        signer = Signer(
            self.keyring, Identity(NodeId(node), service, "x"), message.reply, clock.unix_ms
        )
        payload = json.dumps(proof.model_dump(mode="json")).encode()
        asked = (message.headers or {})[SIGNATURE_HEADER].split(";")[4]
        value, _ = signer.sign(REPLY, "", JSON, payload, asked)
        headers = {CONTENT_TYPE: JSON, SIGNATURE_HEADER: value}
        await self.client.publish(message.reply, payload, headers=headers)
