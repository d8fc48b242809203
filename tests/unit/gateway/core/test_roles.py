import pytest

from services.gateway.core.roles import Action, Caller
from shared.documents.user import UserRole
from shared.domain.errors import Forbidden

EXPECTED = {
    UserRole.ADMINISTRATOR: set(Action),
    UserRole.REPRESENTATIVE: {Action.HOLD_SESSIONS},
    UserRole.AUDITOR: {Action.READ, Action.SEE_ALL_SESSIONS},
}


@pytest.mark.parametrize("role", list(UserRole))
@pytest.mark.parametrize("action", list(Action))
def test_each_role_may_do_what_the_table_says_and_nothing_else(
    role: UserRole, action: Action
) -> None:
    assert Caller("someone", role).may(action) is (action in EXPECTED[role])


def test_a_refusal_names_the_role_and_the_action() -> None:
    with pytest.raises(Forbidden, match="the role auditor may not change the configuration"):
        Caller("anna", UserRole.AUDITOR).require(Action.CONFIGURE)
