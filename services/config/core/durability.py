"""What the site's durability asks of a change: before it is written, and before it is answered.

A change is acknowledged when the backup has it too. A site that is `synchronous` goes on without
a backup as soon as the log says that it is detached; one that is `strict` never does.
"""

from collections.abc import Sequence

from shared.documents import SITE_ID, Kind
from shared.documents.site import Durability, Replication
from shared.documents.state import Documents
from shared.domain.log import Change, ReplicationMode


def replication_rules(documents: Documents) -> Replication:
    """The site's rules of replication; the defaults before there is a site document."""
    site = documents.get(Kind.SITE, SITE_ID)
    return Replication() if site is None else Replication.model_validate(site.body["replication"])


def requires_attached_backup(rules: Replication, changes: Sequence[Change]) -> bool:
    """Whether *changes* may be written only while a backup is attached.

    Under strict durability all must wait, but those that end it: they are the way out when the
    backup does not come back.
    """
    if rules.durability is not Durability.STRICT or not changes:
        return False
    return not any(
        change.kind == Kind.SITE
        and (change.body or {}).get("replication", {}).get("durability") != Durability.STRICT
        for change in changes
    )


def may_acknowledge_alone(rules: Replication, mode: ReplicationMode) -> bool:
    """Whether a change in the log is acknowledged though no backup is known to have it."""
    return mode is ReplicationMode.DEGRADED and rules.durability is not Durability.STRICT
