"""The composition root of the webhooks: the one place that knows all of their parts."""

from faststream import FastStream
from prometheus_client import CollectorRegistry, Counter

from services.webhooks.handlers import Handlers, router
from services.webhooks.office import Office, reads_by
from services.webhooks.post import HttpPost
from services.webhooks.postman import Outfit
from services.webhooks.settings import WebhooksSettings
from services.webhooks.store import Places
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.runtime.clock import Clock, kernel_boot_id
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.grant import GrantHolder
from shared.runtime.service import Service


def build_app(settings: WebhooksSettings, *, clock: Clock) -> Service:
    """A master's webhooks, wired; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "webhooks", clock)
    link = context.bus.build_connection("webhooks")
    secret = SiteSecret.load(settings.state_dir / SECRET_FILE)
    grant = GrantHolder(settings.node, kernel_boot_id())
    post = HttpPost()
    office = Office(
        reads_by(context.bus.publisher),
        _outfit(context, Places(link.client), post),
        secret.webhook_secret,
        lambda: grant.valid_epoch(clock.now()) is not None,
    )
    context.bus.broker.include_router(router(Handlers(office, grant, clock)))
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(link.run,),
        workers={"webhooks": office.run},
        ending=(post.close,),
    )


def _outfit(context: ServiceContext, places: Places, post: HttpPost) -> Outfit:
    deliveries = _counter(context.telemetry.registry)
    return Outfit(
        places=places,
        post=post,
        verifier=context.security.verifier,
        refused=context.security.rejections.record,
        events=context.bus.events,
        unix_ms=context.clock.unix_ms,
        count=lambda outcome: deliveries.labels(outcome).inc(),
        containment=context.faults.containment,
    )


def _counter(registry: CollectorRegistry) -> Counter:
    name, what = "meridian_webhook_attempts", "Attempts to deliver an event, by outcome"
    return Counter(name, what, ["outcome"], registry=registry)
