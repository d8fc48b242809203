"""A whole gateway over a site in memory."""

from dataclasses import dataclass

from argon2 import PasswordHasher

from services.gateway.accounts import Accounts
from services.gateway.apply import Editor
from services.gateway.backups import Backups
from services.gateway.conflicts import MastersConflicts
from services.gateway.core.attempts import Attempts
from services.gateway.core.observed import Observed
from services.gateway.passwords import Passwords
from services.gateway.proposals import Configuration
from services.gateway.routes.door import Door
from services.gateway.sessions import Desk, Sessions
from services.gateway.view import SessionsView
from shared.crypto.keyring import KeyRing, Keys
from shared.crypto.sealing import SiteSecret
from shared.domain.ids import ClusterId, NodeId
from shared.runtime.directory import Directory
from shared.runtime.grant import GrantHolder
from shared.runtime.health import Health
from tests.fakes.containment import Watched, contained
from tests.fakes.events import KeptFacts
from tests.fakes.site import FakeSite, MemorySessions, StillClock

BOOT = "boot"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class House:
    """The gateway and everything behind it."""

    door: Door
    site: FakeSite
    sessions: MemorySessions
    clock: StillClock
    passwords: Passwords
    facts: KeptFacts
    containment: Watched


def make_house() -> House:
    """A gateway on alpha; nobody has read the directory yet."""
    clock, site, store, secret = StillClock(), FakeSite(), MemorySessions(), SiteSecret.generate()
    configuration, passwords = Configuration(site, clock), Passwords(secret, QUICK)
    directory = Directory(site, overrides=True)
    editor, conflicts = Editor(configuration, passwords), MastersConflicts(site, directory)
    containment = contained()
    facts, ring = KeptFacts(), KeyRing(Keys("aaaaaaaa", b"c" * 32, b"t" * 32))
    door = Door(
        node=NodeId("alpha"),
        clock=clock,
        publisher=site,
        events=facts,
        configuration=configuration,
        directory=directory,
        accounts=Accounts(configuration, passwords, secret, clock),
        editor=editor,
        sessions=Sessions(Desk(store, site, facts, ring, clock, containment)),
        view=SessionsView(),
        observed=Observed(),
        grant=GrantHolder(NodeId("alpha"), BOOT),
        health=Health(),
        containment=containment,
        guesses=Attempts(limit=3, window_seconds=60.0),
        arrivals=Attempts(limit=5, window_seconds=60.0),
        probes=Attempts(limit=5, window_seconds=60.0),
        webhook_secret=secret.webhook_secret,
        conflicts=conflicts,
        backups=Backups(
            publisher=site,
            shelf=site,
            conflicts=conflicts,
            directory=directory,
            editor=editor,
            passwords=passwords,
            cluster_id=ClusterId("0123456789abcdef"),
            own_key=secret.backup_key,
            verify=site.verify,
        ),
    )
    return House(door, site, store, clock, passwords, facts, containment)
