"""A planned change of primary at a whole site: config is asked to lay its pen down, and has to."""

from collections.abc import Callable

from services.failover_monitor.core.effects import Grant
from shared.events.config import PauseWrites
from shared.events.proof import ProveConfig
from tests.simulation.failover.master import Master
from tests.simulation.failover.switch import EARLY_SECONDS, GiveWay, Switch, planned
from tests.simulation.site.services import KERNEL
from tests.simulation.site.site import Site


def switch_over(site: Site) -> None:
    """An operator wants the other master to be primary."""
    for old, new in planned(site):
        SiteSwitch(site, old, new).stop()


class SiteSwitch(Switch):
    """The steps as the shell makes them; it goes on only when config has answered."""

    def __init__(self, site: Site, old: Master, new: Master) -> None:
        super().__init__(site, old, new)
        self._site = site

    def _pause_writes(self, pause: Grant) -> None:
        order = PauseWrites(
            node=self._old.node,
            epoch=pause.epoch,
            boot_id=KERNEL,
            valid_until=pause.valid_until,
        )
        self._site.ask_config(self._old.node, self._writes_paused, order)

    async def _writes_paused(self, order: PauseWrites) -> None:
        await self._site.services[order.node].write.on_pause_writes(order)
        self._next(self._old, self._confirmed)


def give_way(site: Site, old: Master) -> None:
    """The shell of a sick holder hands its role over, as soon as the core names a successor."""
    status = old.monitor.status(old.clock(site.now))
    if status.successor is not None:
        SiteGiveWay(site, old, site.masters[status.successor]).ask()


class SiteGiveWay(GiveWay):
    """A sick master hands over: config of either side is asked, and may not answer."""

    def __init__(self, site: Site, old: Master, new: Master) -> None:
        super().__init__(site, old, new)
        self._site = site
        self._is_confirmed = False

    def _prove(self, then: Callable[..., None]) -> None:
        """The successor's config commits once."""
        node = self._new.node
        self._site.ask_config(node, self._commit, then)

    async def _commit(self, then: Callable[..., None]) -> None:
        new = self._new
        question = ProveConfig(node=new.node, fresh=True)
        asked_at = new.clock(self._site.now)
        proof = await self._site.services[new.node].prover.on_prove(question)
        reasons = new.monitor.status(new.clock(self._site.now)).reasons
        if not proof.refusals and proof.worked_at >= asked_at and not reasons:
            self._next(self._old, then)

    def _pause_writes(self, pause: Grant) -> None:
        """Config is asked to stop; its last grant runs out if it does not answer."""
        order = PauseWrites(
            node=self._old.node,
            epoch=pause.epoch,
            boot_id=KERNEL,
            valid_until=pause.valid_until,
        )
        self._site.ask_config(self._old.node, self._writes_paused, order)
        until = self._old.true(pause.valid_until) + EARLY_SECONDS
        within = self._site.within
        self._site.at(until, within, self._old, self._instances[0], self._unless_confirmed)

    async def _writes_paused(self, order: PauseWrites) -> None:
        await self._site.services[order.node].write.on_pause_writes(order)
        self._is_confirmed = True
        self._next(self._old, self._confirmed)

    def _unless_confirmed(self) -> None:
        if not self._is_confirmed:
            self._ran_out()
