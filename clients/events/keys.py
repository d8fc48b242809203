"""The nodes' public keys: from a file, or from the site's front door."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from clients.api import site_client
from clients.endpoint.clock import now
from clients.profile import Profile
from shared.api.cluster import node_keys
from shared.crypto.node_signature import Statement, verify_statement
from shared.decoding.errors import Undecodable
from shared.decoding.fields import decode_object
from shared.domain.errors import BadSettings, BadSignature
from shared.domain.ids import Instant, NodeId

ASK_AGAIN_SECONDS: Final = 10.0

Keys = dict[NodeId, str]


def keys_in(path: Path) -> Keys:
    """The keys in a file as `GET /api/v1/keys` answers: a JSON object of node and base64.

    Raises:
        BadSettings: it holds none.
    """
    try:
        found = decode_object(path.read_bytes(), "keys")
        return {NodeId(node): found.text(node) for node in found.members}
    except (OSError, Undecodable) as error:
        raise BadSettings(f"--keys {path} holds no nodes' keys: {error}") from error


def keys_at(profile: Profile) -> Keys:
    """The keys that the site's front door gives.

    Raises:
        Unavailable: no front door answers.
    """
    with site_client(profile) as client:
        return client.ask(node_keys())


class Examiner:
    """Checks events; a node that is not known is looked for again, not too often."""

    def __init__(self, ask: Callable[[], Keys], clock: Callable[[], Instant] = now) -> None:
        self._ask = ask
        self._now = clock
        self._keys = ask()
        self._asked_at = clock()

    def check(self, testimony: str, subject: str, payload: bytes) -> Statement:
        """Who said it.

        Raises:
            BadSignature: no node of the site did.
            MeridianError: the keys could not be read again.
        """
        try:
            return verify_statement(self._keys, testimony, subject, payload)
        except BadSignature:
            if self._now() < self._asked_at + ASK_AGAIN_SECONDS:
                raise
        self._keys, self._asked_at = self._ask(), self._now()
        return verify_statement(self._keys, testimony, subject, payload)
