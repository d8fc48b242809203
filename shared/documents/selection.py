"""The site's rule for choosing traffic nodes, and the overrides of public sites and teams.

`methods` is an ordered list: the first decides, and what it sees no difference between, or knows
nothing of, goes to the next. What is left equal then is shared by the client's rendezvous hash.
A body may say `method: X`, as bodies did before there were lists; it is read as a list of one and
written as a list.
"""

from collections.abc import Mapping
from enum import StrEnum
from ipaddress import IPv4Address, IPv6Address
from typing import Annotated, Any, Final, Self, cast

from pydantic import AfterValidator, Field, model_validator

from shared.documents.body import DocumentBody, written_as
from shared.documents.hosts import unmapped
from shared.documents.node import Address, Port
from shared.documents.redirection import HostName


class SelectionMethod(StrEnum):
    """A way to choose a traffic node among those that may take the client."""

    RANDOM = "random"
    A_RECORD = "a_record"
    SRV_RECORD = "srv_record"
    IP_ANYCAST = "ip_anycast"
    TIMEZONE_OFFSET = "timezone_offset"
    LATENCY = "latency"
    LEAST_LOAD = "least_load"
    GEO = "geo"
    CONSISTENT = "consistent"


class SelectionPolicy(StrEnum):
    """Names the path that is made short: one end's, or the sum of both."""

    CUSTOMER = "customer"
    REPRESENTATIVE = "representative"
    PAIR = "pair"


def _each_once(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if values.count(value) > 1:
            raise ValueError(f"{str(value)!r} stands there twice: name each once")
    return values


Methods = Annotated[tuple[SelectionMethod, ...], Field(min_length=1), AfterValidator(_each_once)]
Region = Annotated[str, Field(min_length=1, max_length=200)]
RegionNames = Annotated[tuple[Region, ...], AfterValidator(_each_once)]


class Resolver(DocumentBody):
    """A DNS server, by number; a body may say the number alone."""

    address: Annotated[IPv4Address | IPv6Address, written_as(unmapped)]
    port: Port = 53

    @model_validator(mode="before")
    @classmethod
    def _number_alone(cls, body: Any) -> Any:
        return {"address": body} if isinstance(body, str) else body


LONGEST_LOOKUP_SECONDS: Final = 1.2
"""Nobody waits longer for DNS: a gateway asks another replica after 1.5 seconds."""


class DnsLookup(DocumentBody):
    """The name whose records name nodes; asked of *resolvers*, or of the zone's own servers.

    More than `LONGEST_LOOKUP_SECONDS` may stand in documents of before, and count as so many.
    """

    name: HostName
    resolvers: tuple[Resolver, ...] = ()
    timeout_seconds: float = Field(default=1.0, gt=0, le=10)


class Regions(DocumentBody):
    """Regions that come first, in this order, and regions whose nodes are never chosen."""

    affinity: RegionNames = ()
    exclude: RegionNames = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        both = [region for region in self.affinity if region in self.exclude]
        if both:
            raise ValueError(f"{both[0]!r} is both preferred and excluded: choose one")
        return self


class LatencyRule(DocumentBody):
    """Says which latencies that endpoints measured count.

    A node that was chosen before keeps its place unless another is nearer by *hysteresis_ms*.
    """

    hysteresis_ms: float = Field(default=10.0, ge=0, le=10_000)
    maximum_age_seconds: float = Field(default=300.0, gt=0, le=86_400)


NEEDED: Final[Mapping[SelectionMethod, str]] = {
    SelectionMethod.A_RECORD: "name, as in a_record: {name: relay.example.com}",
    SelectionMethod.SRV_RECORD: "name, as in srv_record: {name: _relay._tcp.example.com}",
    SelectionMethod.IP_ANYCAST: "address, as in ip_anycast: {host: 192.0.2.1, port: 443}",
}
"""The methods that need a parameter, each in the field of its own name."""


def _as_list(body: Any) -> Any:
    """Return *body* with `method: X` written as `methods: [X]`."""
    if not isinstance(body, Mapping):
        return body
    fields = dict(cast("Mapping[str, Any]", body))
    method = fields.pop("method", None)
    if method is None:
        return fields
    if fields.get("methods") is not None:
        raise ValueError("say method or methods, not both")
    return {**fields, "methods": (method,)}


class Selection(DocumentBody):
    """The methods in their order, their parameters, and the fallback without a traffic node.

    A node that came back after it was silent gets its full share only after *slow_start_seconds*.
    Once *panic_threshold_percent* of all relays are silent, silence is not believed; 0: always is.
    """

    methods: Methods = (SelectionMethod.RANDOM,)
    policy: SelectionPolicy = SelectionPolicy.CUSTOMER
    a_record: DnsLookup | None = None
    srv_record: DnsLookup | None = None
    ip_anycast: Address | None = None
    regions: Regions = Regions()
    latency: LatencyRule = LatencyRule()
    slow_start_seconds: float = Field(default=30.0, ge=0, le=3_600)
    maximum_client_fallback_to_primary: int = Field(default=10, ge=0)
    panic_threshold_percent: int = Field(default=90, ge=0, le=100)

    _short_form = model_validator(mode="before")(_as_list)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for method in self.methods:
            if method in NEEDED and getattr(self, method) is None:
                raise ValueError(f"the method {method} needs its {NEEDED[method]}")
        return self


class SelectionOverride(DocumentBody):
    """The settings that a public site or a team overrides; None keeps the site's value."""

    methods: Methods | None = None
    policy: SelectionPolicy | None = None
    a_record: DnsLookup | None = None
    srv_record: DnsLookup | None = None
    ip_anycast: Address | None = None
    regions: Regions | None = None
    latency: LatencyRule | None = None

    _short_form = model_validator(mode="before")(_as_list)


def merged(site: Selection, *overrides: SelectionOverride | None) -> Selection:
    """Merge *overrides* into *site* in order; a later one wins.

    A method may lack what it needs then, because the site's rule changed later: it knows nothing.
    """
    changes = {
        name: getattr(override, name)
        for override in overrides
        if override is not None
        for name in SelectionOverride.model_fields
        if getattr(override, name) is not None
    }
    return site.model_copy(update=changes) if changes else site
