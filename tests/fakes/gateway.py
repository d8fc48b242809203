"""A whole gateway over a site in memory, wired as the product wires it."""

from dataclasses import dataclass

from argon2 import PasswordHasher

from services.gateway.access.passwords import Passwords
from services.gateway.app import AppState, Gateway, Outside, Secrets
from services.gateway.cluster.core.observed import Observed
from services.gateway.sessions.view import SessionsView
from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.sealing import SiteSecret
from shared.domain.clock_offset import ClockOffsets
from shared.domain.ids import ClusterId, NodeId
from shared.runtime.directory import Directory
from shared.runtime.grant import GrantHolder
from shared.runtime.health import Health
from tests.fakes.containment import Watched, contained
from tests.fakes.events import KeptFacts
from tests.fakes.sessions import MemorySessions
from tests.fakes.site import FakeSite, StillClock

BOOT = "boot"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class InMemoryGateway:
    """The gateway and everything behind it."""

    gateway: Gateway
    state: AppState
    site: FakeSite
    sessions: MemorySessions
    clock: StillClock
    passwords: Passwords
    facts: KeptFacts
    containment: Watched


def build_in_memory_gateway() -> InMemoryGateway:
    """Build a gateway on alpha; nobody has read the directory yet."""
    clock, site, store, secret = StillClock(), FakeSite(), MemorySessions(), SiteSecret.generate()
    facts, ring = KeptFacts(), KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
    passwords, containment = Passwords(secret, QUICK), contained()
    outside = Outside(
        clock=clock,
        publisher=site,
        events=facts,
        sessions=store,
        snapshots=site.snapshots,
        verify=site.verify,
        sleep=clock.sleep,
    )
    secrets = Secrets(ClusterId("0123456789abcdef"), ring, secret, passwords)
    state = AppState(
        directory=Directory(site, overrides=True),
        view=SessionsView(),
        observed=Observed(),
        offsets=ClockOffsets(),
        grant=GrantHolder(NodeId("alpha"), BOOT),
        health=Health(),
        containment=containment,
    )
    gateway = Gateway(NodeId("alpha"), outside, secrets, state)
    return InMemoryGateway(gateway, state, site, store, clock, passwords, facts, containment)
