"""The method `hook`: the site's web address if it names one, else this master's own command."""

from dataclasses import dataclass

from services.failover_monitor.redirection.command import run_command
from services.failover_monitor.redirection.core import Wish
from services.failover_monitor.redirection.webhook import post
from shared.domain.errors import RedirectionFailed


@dataclass(frozen=True)
class HookMethod:
    """*command* and *key* are this master's own; the address is the site's."""

    command: tuple[str, ...] = ()
    key: bytes = b""
    again_seconds: None = None
    """Whoever is told once by a hook has been told."""

    async def release(self, wish: Wish) -> None:
        """Nothing is held: the next primary tells the same hook."""

    async def lead(self, wish: Wish) -> None:
        url = wish.setting.hook.webhook_url
        if url:
            await post(url, self.key, wish)
        elif self.command:
            await run_command(self.command, wish)
        else:
            raise RedirectionFailed(
                "there is no hook: set redirection.hook.webhook_url of the site, or "
                "MERIDIAN_REDIRECTION_COMMAND of this master's failover monitor"
            )
