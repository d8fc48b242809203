"""Decides which queue a customer joins, who sees a queue, and who takes customers out of it.

A customer names a public site, by its name or by a host name, and one of the teams that it offers.
Members of the team, its managers and whoever may see every session see its queue. Only members
take a customer. A queue is not stored: it consists of the team's sessions that nobody has taken,
oldest first.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from services.gateway.core.roles import Action, Caller
from services.gateway.sessions.core.attachment import is_reachable
from shared.documents.public_site import PublicSiteDocument
from shared.documents.team import TeamDocument
from shared.domain.errors import Forbidden, InvalidChange, NotFound, Unavailable
from shared.domain.ids import UnixMillis
from shared.domain.node import Side
from shared.domain.session import SessionPhase
from shared.events.session import Queued, SessionState

LONGEST_QUEUE: Final = 500
"""So many may wait for one team; more customers are asked to come later."""

RETRY_SECONDS: Final = 30


def find_public_site(sites: Mapping[str, PublicSiteDocument], wanted: str) -> str:
    """Find the public site that is called *wanted*, or that has the host name *wanted*.

    Raises:
        NotFound: there is none.
    """
    host = wanted.strip().lower().removesuffix(".")
    for name, site in sites.items():
        if wanted == name or host in site.hostnames:
            return name
    raise NotFound(f"there is no public site {wanted!r}", kind="public_site", id=wanted)


def choose_team(name: str, site: PublicSiteDocument, wanted: str | None) -> str:
    """Choose the team that a customer of the public site *name* waits for.

    Raises:
        NotFound: the site does not offer *wanted*, or no team at all.
        InvalidChange: there are several, and none was named.
    """
    offered = ", ".join(site.teams) or "none"
    if wanted is not None and wanted not in site.teams:
        raise NotFound(f"{name} offers no team {wanted!r}; it offers {offered}")
    if wanted is None and len(site.teams) > 1:
        raise InvalidChange(f"say for which team; {name} offers {offered}", field="team")
    if not site.teams:
        raise NotFound(f"{name} offers no team at the moment")
    return wanted or site.teams[0]


def visible_teams(caller: Caller, teams: Mapping[str, TeamDocument]) -> frozenset[str]:
    """Return the teams whose queue *caller* sees."""
    if caller.may(Action.SEE_ALL_SESSIONS):
        return frozenset(teams)
    return frozenset(
        name
        for name, team in teams.items()
        if caller.user in team.members or caller.user in team.managers
    )


def require_visible(seen: frozenset[str], team: str) -> None:
    """Let a caller look at the queue of *team*.

    Raises:
        Forbidden: the caller may not see it; the same where there is no such team.
    """
    if team not in seen:
        raise Forbidden(f"the queue of the team {team!r} is not yours to see")


def require_member(caller: Caller, teams: Mapping[str, TeamDocument], queued: Queued) -> None:
    """Let a member take a customer of their team.

    Raises:
        Forbidden: the caller is no member.
    """
    team = teams.get(queued.team)
    if team is None or caller.user not in team.members:
        raise Forbidden(f"only members of the team {queued.team} take its customers")


def waiting_sessions(
    states: Iterable[SessionState], teams: frozenset[str], now: UnixMillis
) -> tuple[SessionState, ...]:
    """List the sessions that wait for one of *teams*, by their arrival.

    A customer whose connection is lost for good stands in no queue.
    """
    found = (
        state
        for state in states
        if state.queued is not None
        and state.queued.team in teams
        and state.phase is SessionPhase.WAITING
        and not state.representative
        and is_reachable(state, Side.CUSTOMER, now)
        and now < state.expires_unix_ms
    )
    return tuple(sorted(found, key=lambda state: (state.opened_unix_ms, state.session)))


def require_room(states: Iterable[SessionState], team: str, now: UnixMillis) -> None:
    """Let one more customer wait for *team*.

    Raises:
        Unavailable: too many do.
    """
    if len(waiting_sessions(states, frozenset({team}), now)) >= LONGEST_QUEUE:
        raise Unavailable(
            f"too many wait for the team {team}; come again later",
            retry_after_seconds=RETRY_SECONDS,
        )
