"""Publishes what the core decided about the role: grants for this master, and events."""

import logging
from collections.abc import Callable, Sequence
from typing import assert_never

from services.failover_monitor.core.effects import Grant, RoleAcquired, RoleLost
from shared.domain.ids import Instant, NodeId
from shared.events.failover import MasterGranted, PrimaryChanged, PrimarySteppedDown
from shared.messaging.ports import Emits, Publishes


class RoleAnnouncer:
    """Publishes grants and changes of the role, and calls *on_acquired* when the role begins."""

    def __init__(
        self,
        node: NodeId,
        boot_id: str,
        publisher: Publishes,
        events: Emits,
        on_acquired: Sequence[Callable[[], None]] = (),
    ) -> None:
        self._node = node
        self._boot_id = boot_id
        self._publisher = publisher
        self._events = events
        self._on_acquired = on_acquired
        self._granted_until = Instant(0.0)
        self._log = logging.getLogger("meridian.failover")

    def granted_until(self) -> Instant:
        """Return when the last published grant ends."""
        return self._granted_until

    async def publish_grant(self, grant: Grant) -> None:
        """Publish *grant* to this master's processes."""
        self._granted_until = grant.valid_until
        await self._publisher.publish(
            MasterGranted(
                node=self._node,
                epoch=grant.epoch,
                boot_id=self._boot_id,
                valid_until=grant.valid_until,
                paused=grant.paused,
                planned=grant.planned,
            )
        )

    def announce(self, change: RoleAcquired | RoleLost) -> None:
        """Log *change*, and publish its event."""
        match change:
            case RoleAcquired(epoch, previous, cause):
                self._log.warning("primary of epoch %d: %s", epoch, cause)
                self._events.emit(
                    PrimaryChanged(node=self._node, previous=previous, epoch=epoch, cause=cause)
                )
                for call in self._on_acquired:
                    call()
            case RoleLost(epoch, cause):
                self._log.warning("no longer primary of epoch %d: %s", epoch, cause)
                self._events.emit(PrimarySteppedDown(node=self._node, epoch=epoch, cause=cause))
            case _:
                assert_never(change)
