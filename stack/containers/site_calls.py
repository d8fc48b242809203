"""Calls the API of the composed site as its administrator: who is primary, switchover, liveness.

The password is the one in the site's secrets, or in the file that `MERIDIAN_PASSWORD_FILE` names
once the administrator has changed it. Signing in happens with the first call.
"""

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from shared.api.accounts import LoginRequest, login
from shared.api.call import Call
from shared.api.client import SiteAccess, SiteClient
from shared.api.cluster import NodeStatus, SyncRequest, cluster_status, sync
from shared.api.documents import ApplyRequest, apply
from shared.api.failover import SwitchoverRequest, check_failover, switch_over
from shared.domain.errors import BadSettings, Unauthenticated, Unavailable
from shared.domain.ids import Instant, NodeId
from shared.domain.liveness import Liveness
from stack.containers.settings import Settings

R = TypeVar("R")

ADMINISTRATOR: Final = "admin"


def _now() -> Instant:
    return Instant(time.monotonic())


@dataclass
class SiteCalls:
    """The site of *settings*, as its administrator."""

    settings: Settings
    _client: SiteClient | None = None
    _open: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def primary(self) -> str | None:
        """The master that is primary; None when no gateway answers or none is."""
        try:
            return self._ask(cluster_status()).primary
        except Unavailable:
            return None

    def node(self, name: str) -> NodeStatus | None:
        """The state of one node; None when it is not in the configuration."""
        nodes = self._ask(cluster_status()).nodes
        return next((each for each in nodes if each.node == name), None)

    def is_serving(self, name: str) -> bool:
        """Say whether a traffic node takes clients; one that is not in the configuration passes."""
        node = self.node(name)
        return node is None or (node.liveness is Liveness.ALIVE and not node.draining)

    def has_caught_up(self, name: str) -> bool:
        """Say whether the node proves that it is where the log is."""
        return all(each.ok for each in self._ask(sync(SyncRequest(nodes=(NodeId(name),)))))

    def successor(self) -> tuple[str | None, str]:
        """The master that would take over if the primary failed now, and a sentence about it."""
        answer = self._ask(check_failover())
        return answer.successor, answer.verdict

    def switch_over(self, to: str) -> None:
        """Have the primary hand its role to *to*.

        Raises:
            MeridianError: it cannot be done now.
        """
        self._ask(switch_over(SwitchoverRequest(to=NodeId(to))))

    def apply(self, documents: tuple[Mapping[str, Any], ...]) -> int:
        """Write *documents* (kind, id and body); returns how many changed."""
        request = ApplyRequest.model_validate({"documents": documents})
        return len(self._ask(apply(request)).changes)

    def _ask(self, call: Call[R]) -> R:
        if self._client is None:
            self._client = self._sign_in()
        return self._client.ask(call)

    def _sign_in(self) -> SiteClient:
        """A client with a token.

        Raises:
            BadSettings: the password cannot be read, or the site does not take it.
            Unavailable: no gateway answers.
        """
        gateways, authority = self.settings.gateways, str(self.settings.secrets / "ca.pem")
        file = self.password_file
        try:
            password = file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise BadSettings(f"the administrator's password cannot be read: {error}") from error
        request = LoginRequest(username=ADMINISTRATOR, password=password)
        with SiteClient(SiteAccess(gateways, authority), _now) as client:
            try:
                token = client.ask(login(request)).token
            except Unauthenticated as error:
                raise BadSettings(
                    f"the site does not take the password in {file} for {ADMINISTRATOR}: write the "
                    "present one to a file, and say MERIDIAN_PASSWORD_FILE=FILE before make"
                ) from error
        return self._open.enter_context(SiteClient(SiteAccess(gateways, authority, token), _now))

    @property
    def password_file(self) -> Path:
        named = self.settings.get("MERIDIAN_PASSWORD_FILE", "")
        return Path(named) if named else self.settings.secrets / ADMINISTRATOR
