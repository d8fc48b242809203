"""Decides who may do what: one table from a user's role to the actions it allows."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from shared.documents.user import UserRole
from shared.domain.errors import Forbidden


class Action(StrEnum):
    """An action that a request to the API performs."""

    READ = "read the configuration and its history"
    CONFIGURE = "change the configuration"
    HOLD_SESSIONS = "hold sessions"
    SEE_ALL_SESSIONS = "see everybody's sessions"
    OPERATE = "operate the cluster"


ALLOWED: Final[dict[UserRole, frozenset[Action]]] = {
    UserRole.ADMINISTRATOR: frozenset(Action),
    UserRole.REPRESENTATIVE: frozenset({Action.HOLD_SESSIONS}),
    UserRole.AUDITOR: frozenset({Action.READ, Action.SEE_ALL_SESSIONS}),
}


@dataclass(frozen=True, slots=True)
class Caller:
    """A signed-in user and the user's role."""

    user: str
    role: UserRole

    def may(self, action: Action) -> bool:
        return action in ALLOWED[self.role]

    def require(self, action: Action) -> None:
        """Let *action* pass.

        Raises:
            Forbidden: the role does not allow it.
        """
        if not self.may(action):
            raise Forbidden(f"the role {self.role} may not {action}")
