"""The composition root of the webhooks: the one place that knows all of their parts."""

from faststream import FastStream
from prometheus_client import CollectorRegistry, Counter

from services.webhooks.delivery.consumers import Consumers
from services.webhooks.delivery.dispatcher import DispatcherDependencies
from services.webhooks.delivery.pool import DispatcherPool, reader_of
from services.webhooks.delivery.post import HttpPost
from services.webhooks.handlers import Handlers, router
from services.webhooks.settings import WebhooksSettings
from shared.crypto.sealing import SECRET_FILE, SiteSecret
from shared.runtime.clock import Clock, kernel_boot_id
from shared.runtime.context import ServiceContext, build_context
from shared.runtime.grant import GrantHolder
from shared.runtime.service import Service


def build_app(settings: WebhooksSettings, *, clock: Clock) -> Service:
    """Wire a master's webhooks; nothing of it runs yet.

    Raises:
        BadSettings: a key or a file is missing or damaged.
    """
    context = build_context(settings, "webhooks", clock)
    link = context.bus.build_connection("webhooks")
    secret = SiteSecret.load(settings.state_dir / SECRET_FILE)
    grant = GrantHolder(settings.node, kernel_boot_id())
    post = HttpPost()
    pool = DispatcherPool(
        reader_of(context.bus.publisher),
        _dependencies(context, Consumers(link.client), post),
        secret.webhook_secret,
        lambda: grant.valid_epoch(clock.now()) is not None,
    )
    context.bus.broker.include_router(router(Handlers(pool, grant, clock)))
    return Service(
        FastStream(context.bus.broker, logger=None),
        context,
        tasks=(link.run,),
        workers={"webhooks": pool.run},
        ending=(post.close,),
    )


def _dependencies(
    context: ServiceContext, consumers: Consumers, post: HttpPost
) -> DispatcherDependencies:
    deliveries = _counter(context.telemetry.registry)
    return DispatcherDependencies(
        consumers=consumers,
        post=post,
        verifier=context.security.verifier,
        reject=context.security.rejections.record,
        events=context.bus.events,
        unix_ms=context.clock.unix_ms,
        count=lambda outcome: deliveries.labels(outcome).inc(),
        containment=context.faults.containment,
    )


def _counter(registry: CollectorRegistry) -> Counter:
    name, what = "meridian_webhook_attempts", "Attempts to deliver an event, by outcome"
    return Counter(name, what, ["outcome"], registry=registry)
