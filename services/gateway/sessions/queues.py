"""Runs the queues of public sites: customers arrive, wait for a team, and are accepted."""

from dataclasses import dataclass

from services.gateway.configuration.reader import ConfigurationReader
from services.gateway.core.roles import Caller
from services.gateway.sessions.core.queue import (
    choose_team,
    find_public_site,
    require_member,
    require_room,
    require_visible,
    visible_teams,
    waiting_sessions,
)
from services.gateway.sessions.core.session import Representative
from services.gateway.sessions.sessions import Sessions
from shared.documents import Kind
from shared.documents.public_site import PublicSiteDocument
from shared.documents.team import TeamDocument
from shared.domain.ids import SessionId
from shared.events.selection import ClientFacts
from shared.events.session import Queued, SessionState
from shared.runtime.clock import Clock


@dataclass(frozen=True)
class Queues:
    """Lets customers arrive, and members of teams accept them."""

    reader: ConfigurationReader
    sessions: Sessions
    clock: Clock

    async def arrive(
        self, site: str, team: str | None, customer: str, facts: ClientFacts
    ) -> SessionState:
        """Put *customer*, who names a public *site* and maybe one of its teams, into a queue.

        The other errors are those of `Sessions.open`.

        Raises:
            NotFound: there is no such public site, or it offers no such team.
            InvalidChange: the site offers several teams, and none was named.
            Unavailable: too many wait for the team.
        """
        found = await self.reader.read(Kind.PUBLIC_SITE)
        sites = {
            each.id: PublicSiteDocument.model_validate(each.body, extra="ignore")
            for each in found.documents
        }
        name = find_public_site(sites, site)
        queued = Queued(
            team=choose_team(name, sites[name], team), public_site=name, customer=customer
        )
        require_room(self.sessions.view.all(), queued.team, self.clock.unix_ms())
        return await self.sessions.arrive(queued, facts)

    async def waiting_sessions(self, caller: Caller, team: str | None) -> list[SessionState]:
        """List who waits for the teams of *caller*, or for one *team* of them, by their arrival.

        Raises:
            Forbidden: the caller may not see the queue of *team*.
        """
        teams = visible_teams(caller, await self._teams())
        if team is not None:
            require_visible(teams, team)
            teams = frozenset({team})
        return list(waiting_sessions(self.sessions.view.all(), teams, self.clock.unix_ms()))

    async def accept(self, session: SessionId, caller: Caller, by: Representative) -> SessionState:
        """Let *by* accept the customer of *session*; the errors are `Sessions.accept`'s."""
        teams = await self._teams()
        return await self.sessions.accept(
            session, by, lambda queued: require_member(caller, teams, queued)
        )

    async def _teams(self) -> dict[str, TeamDocument]:
        found = await self.reader.read(Kind.TEAM)
        return {
            each.id: TeamDocument.model_validate(each.body, extra="ignore")
            for each in found.documents
        }
