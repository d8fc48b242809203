"""The method `hook`: the site's web address if it names one, else this master's own command."""

from dataclasses import dataclass

from services.failover_monitor.redirection.command import run_command
from services.failover_monitor.redirection.core import DesiredState
from services.failover_monitor.redirection.webhook import post
from shared.domain.errors import RedirectionFailed


@dataclass(frozen=True)
class HookMethod:
    """Notifies the hook; *command* and *key* are this master's own, the address is the site's."""

    command: tuple[str, ...] = ()
    key: bytes = b""
    again_seconds: None = None
    """A hook is notified once and needs no repetition."""

    async def release(self, desired: DesiredState) -> None:
        """Do nothing: the next primary notifies the same hook."""

    async def redirect(self, desired: DesiredState) -> None:
        url = desired.setting.hook.webhook_url
        if url:
            await post(url, self.key, desired)
        elif self.command:
            await run_command(self.command, desired)
        else:
            raise RedirectionFailed(
                "there is no hook: set redirection.hook.webhook_url of the site, or "
                "MERIDIAN_REDIRECTION_COMMAND of this master's failover monitor"
            )
