import pytest

from services.gateway.core.roles import Caller
from services.gateway.sessions.core.ownership import require_own, visible_sessions
from services.gateway.sessions.core.session import Opening, close_session, open_session
from shared.documents.user import UserRole
from shared.domain.errors import Forbidden, NotFound
from shared.domain.ids import SessionId, UnixMillis
from shared.domain.session import CloseReason
from shared.events.selection import ClientFacts
from shared.events.session import SessionState

END = UnixMillis(99_000)
RITA = Caller("rita", UserRole.REPRESENTATIVE)
ANNA = Caller("anna", UserRole.REPRESENTATIVE)
ADMIN = Caller("admin", UserRole.ADMINISTRATOR)
AUDITOR = Caller("otto", UserRole.AUDITOR)


def session(name: str, user: str, at: int) -> SessionState:
    opening = Opening(SessionId(name), user, ClientFacts(address="192.0.2.1"), END)
    return open_session(opening, UnixMillis(at))


LATER, EARLIER = session("2", "rita", 2_000), session("1", "anna", 1_000)
OVER = close_session(session("3", "rita", 500), CloseReason.EXPIRED, "expired")
STATES = (LATER, EARLIER, OVER)


@pytest.mark.parametrize(
    ("caller", "visible"),
    [(RITA, [LATER]), (ANNA, [EARLIER]), (ADMIN, [EARLIER, LATER]), (AUDITOR, [EARLIER, LATER])],
)
def test_a_caller_sees_running_sessions_of_their_own_or_all_by_role(
    caller: Caller, visible: list[SessionState]
) -> None:
    assert visible_sessions(STATES, caller) == visible


def test_a_caller_closes_their_own_session_and_an_administrator_any() -> None:
    for caller in (RITA, ADMIN):
        require_own(LATER.session, LATER, caller)


@pytest.mark.parametrize("caller", [ANNA, AUDITOR])
def test_nobody_else_closes_it(caller: Caller) -> None:
    with pytest.raises(Forbidden):
        require_own(LATER.session, LATER, caller)


def test_a_session_that_is_not_known_is_not_found() -> None:
    with pytest.raises(NotFound, match="there is no session 9"):
        require_own(SessionId("9"), None, RITA)
