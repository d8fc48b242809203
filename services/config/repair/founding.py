"""Founds a site (`init`) and adds a master to it (`join`).

`init` writes the first entry of the log: it begins the generation and names the site, its nodes
and the first administrator. Apart from a rebuild, nothing else makes the log and the lease.
`init` can be repeated until that entry is written, and refuses afterwards.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from argon2 import PasswordHasher
from nats.aio.client import Client

from services.config.repair.lease import make_lease
from services.config.settings import ConfigSettings
from shared.clusterlog.log import ClusterLog, EntrySigner
from shared.crypto.nodekeys import KEY_FILE, TRUST_FILE, NodeKey, TrustStore
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_mapping
from shared.documents import SITE_ID, Kind
from shared.documents.rules.changes import apply_changes
from shared.documents.state import Documents
from shared.documents.user import UserRole
from shared.domain.errors import AlreadyExists, BadSettings
from shared.domain.ids import Epoch, RequestId, Revision, Sequence
from shared.domain.log import (
    CONTROL_KIND,
    EMPTY_HASH,
    Change,
    LogEntry,
    Op,
    StoredEntry,
)
from shared.events.config import ProposedChange
from shared.persistence.master_state import MasterState
from shared.persistence.pool import Database
from shared.runtime.clock import Clock
from shared.settings import read_secret

ADMINISTRATOR: Final = "admin"
PASSWORD_PURPOSE: Final = "user/password_hash"  # noqa: S105 - what the seal is for
FIRST_REQUEST: Final = RequestId("init")
SHORTEST_PASSWORD: Final = 8


@dataclass(frozen=True)
class Plan:
    """The site that `init` makes: its name, and files with its documents and its nodes' keys."""

    site: str
    document: Path | None = None
    public_keys: Path | None = None


@dataclass(frozen=True)
class Founder:
    """The master that founds, or joins, a site."""

    settings: ConfigSettings
    clock: Clock

    @property
    def trust(self) -> TrustStore:
        return TrustStore.load(self.settings.state_dir / TRUST_FILE)

    async def is_founded(self) -> bool:
        """Say whether this master's database is one of the site's already."""
        database = Database(self.settings.database)
        try:
            return await MasterState(database).position() is not None
        finally:
            await database.close()

    async def join(self) -> None:
        """Make this master's empty database one of the site's.

        Raises:
            AlreadyExists: it is one already.
        """
        database = Database(self.settings.database)
        try:
            trust = self.trust
            if not await MasterState(database).found(trust.cluster_id, trust.log_generation):
                raise AlreadyExists("this database belongs to a site already; nothing was done")
        finally:
            await database.close()

    async def init(self, client: Client, plan: Plan) -> None:
        """Make the site: the database, the lease, the log and its first entry.

        Raises:
            AlreadyExists: the log has its first entry already.
            InvalidChange: a document of *document* has another shape.
            LogUnavailable: JetStream did not do it; try again.
        """
        changes = self._changes(plan)
        log = ClusterLog(client, self.trust.log_generation)
        if await log.exists():
            if await log.last() is not None:
                raise AlreadyExists("this site was made before; nothing was done")
        else:
            await log.create(self.settings.nats_replicas)
        await make_lease(client, self.settings.nats_replicas, log.generation)
        stored = self._first_entry(changes)
        database = Database(self.settings.database)
        try:
            state = MasterState(database)
            await state.found(self.trust.cluster_id, self.trust.log_generation)
            async with state.transaction() as transaction:
                await transaction.apply(stored, Sequence(1))
                await log.append(stored, Sequence(0))
        finally:
            await database.close()

    def _changes(self, plan: Plan) -> tuple[Change, ...]:
        given, keys = _object(plan.document), _object(plan.public_keys)
        nodes: dict[str, Any] = given.get("nodes", {})
        proposed = [
            _put(Kind.SITE, SITE_ID, {**given.get("site", {}), "name": plan.site}),
            *(_put(Kind.NODE, name, _keyed(body, keys.get(name))) for name, body in nodes.items()),
            _put(Kind.USER, ADMINISTRATOR, self._administrator()),
        ]
        outcome = apply_changes(Documents({}), tuple(proposed))
        began = Change(
            CONTROL_KIND,
            CONTROL_KIND,
            Op.GENERATION_BEGAN,
            {"revision": 0, "hash": EMPTY_HASH, "epoch": 0},
            ADMINISTRATOR,
            FIRST_REQUEST,
            "",
        )
        puts = (
            Change(kind, id_, Op.PUT, body, ADMINISTRATOR, FIRST_REQUEST, "")
            for (kind, id_), body in outcome.items()
        )
        return (began, *puts)

    def _administrator(self) -> dict[str, Any]:
        path = os.environ.get("MERIDIAN_ADMIN_PASSWORD_FILE")
        if not path:
            raise BadSettings("set MERIDIAN_ADMIN_PASSWORD_FILE: the first administrator needs one")
        password = read_secret(Path(path), "ADMIN_PASSWORD_FILE")
        if len(password) < SHORTEST_PASSWORD:
            raise BadSettings(
                f"the first administrator's password needs {SHORTEST_PASSWORD} characters or more"
            )
        secret = SiteSecret.load(self.settings.state_dir / SECRET_FILE)
        sealed = secret.seal(PasswordHasher().hash(password), PASSWORD_PURPOSE)
        return {"role": UserRole.ADMINISTRATOR.value, "password_hash": sealed}

    def _first_entry(self, changes: tuple[Change, ...]) -> StoredEntry:
        entry = LogEntry(
            log_generation=self.trust.log_generation,
            revision=Revision(1),
            epoch=Epoch(0),
            changes=changes,
            at=self.clock.unix_ms(),
            previous_hash=EMPTY_HASH,
        )
        key = NodeKey.load(self.settings.state_dir / KEY_FILE)
        return EntrySigner(self.settings.node, key).sign(entry)


def _object(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return decode_mapping(path.read_bytes(), path.name)
    except (OSError, Undecodable) as error:
        raise BadSettings(f"{path} cannot be read as a JSON object: {error}") from error


def _keyed(body: dict[str, Any], key: str | None) -> dict[str, Any]:
    """Return a node's document with its public key, unless it names one itself."""
    return body if key is None else {"public_key": key, **body}


def _put(kind: Kind, id_: str, body: dict[str, Any]) -> ProposedChange:
    return ProposedChange(kind=kind, id=id_, op="put", body=body)
