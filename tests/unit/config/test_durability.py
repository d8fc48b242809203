from typing import Any

import pytest

from services.config.core.commit import replication_rules, requires_attached_backup
from shared.documents.site import Durability, Replication
from shared.documents.state import Documents
from shared.domain.document import Document
from shared.domain.ids import RequestId, Revision
from shared.domain.log import Change, Op

STRICT = Replication(durability=Durability.STRICT)


def change(kind: str, body: dict[str, Any] | None) -> Change:
    op = Op.DELETE if body is None else Op.PUT
    return Change(kind, "x", op, body, "rita", RequestId("r"), "d")


NODE = change("node", {"role": "traffic"})
RELAXING = change("site", {"replication": {"durability": "synchronous"}})
STAYING = change("site", {"replication": {"durability": "strict"}})


@pytest.mark.parametrize(
    ("rules", "changes", "needs"),
    [
        (Replication(), [NODE], False),
        (STRICT, [], False),
        (STRICT, [NODE], True),
        (STRICT, [change("node", None)], True),
        (STRICT, [STAYING], True),
        (STRICT, [RELAXING], False),
        (STRICT, [NODE, RELAXING], False),
    ],
)
def test_strict_durability_waits_for_a_backup_but_for_its_own_end(
    rules: Replication, changes: list[Change], *, needs: bool
) -> None:
    assert requires_attached_backup(rules, changes) is needs


def test_the_rules_are_the_sites_own() -> None:
    body = {"replication": {"durability": "strict", "sync_timeout_seconds": 7}}

    assert replication_rules(Documents({})) == Replication()
    site = Document("site", "site", Revision(1), body)
    assert replication_rules(Documents({site.ref: site})) == Replication(
        durability=Durability.STRICT, sync_timeout_seconds=7
    )
