"""A planned change of primary at a whole site: config is asked to lay its pen down, and has to."""

from services.failover_monitor.core.effects import Grant
from shared.events.config import PauseWrites
from tests.simulation.failover.master import Master
from tests.simulation.failover.switch import Switch, planned
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
