"""Checks the signatures of events with the nodes' public keys, from a file or from the site."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from clients.clock import now
from clients.site.api import site_client
from clients.site.profile import Profile
from shared.api.cluster import node_keys
from shared.crypto.node_signature import Statement, verify_statement
from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.domain.errors import BadSettings, BadSignature
from shared.domain.files import reason_of
from shared.domain.ids import Instant, NodeId

REFETCH_SECONDS: Final = 10.0
"""Keys are fetched again for an unknown node, no more often than this."""

Keys = dict[NodeId, str]


def read_keys(path: Path) -> Keys:
    """The keys in a file like the answer of `GET /api/v1/keys`: a JSON object of node and base64.

    Raises:
        BadSettings: it holds none.
    """
    try:
        fields = decode_object(path.read_bytes(), "keys")
        return {NodeId(node): fields.text(node) for node in fields.members}
    except (OSError, Undecodable) as error:
        raise BadSettings(f"--keys {path} holds no nodes' keys: {reason_of(error)}") from error


def fetch_keys(profile: Profile) -> Keys:
    """The keys that a gateway of the site gives.

    Raises:
        Unavailable: no gateway answers.
    """
    with site_client(profile) as client:
        return client.ask(node_keys())


class SignatureChecker:
    """Checks events; for a node that is not known the keys are fetched again, not too often."""

    def __init__(self, fetch: Callable[[], Keys], clock: Callable[[], Instant] = now) -> None:
        self._fetch = fetch
        self._now = clock
        self._keys = fetch()
        self._fetched_at = clock()

    def check(self, testimony: str, subject: str, payload: bytes) -> Statement:
        """The statement of the node that signed the event.

        Raises:
            BadSignature: no node of the site signed it.
            MeridianError: the keys could not be fetched again.
        """
        try:
            return verify_statement(self._keys, testimony, subject, payload)
        except BadSignature:
            if self._now() < self._fetched_at + REFETCH_SECONDS:
                raise
        self._keys, self._fetched_at = self._fetch(), self._now()
        return verify_statement(self._keys, testimony, subject, payload)
