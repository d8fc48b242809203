"""Decides what of another site's backup becomes part of this site, and what stays as it is here.

A backup holds a configuration, which comes, and facts of the site that it was made of, which do
not: a copy that took them over would send its sessions to the other site's relays, lead the other
site's address to itself, and deliver to the receivers of the other site.

- A node that is here keeps how it is reached and proven, and whether it is drained or in
  maintenance: those are facts of a machine. What it is used for comes.
- A node that is not here comes without addresses and key: it is no machine of this site yet. A
  master or witness that is not here does not come at all, since a site is founded with its own.
- The site keeps its name, its redirection, the targets that its masters probe, and the names and
  the address by which endpoints find nodes. A method of selection that lacks its own is left out.
- A webhook comes disabled, until an operator confirms that this site is to deliver to it. One that
  delivers from here to the same receiver already stays as it is.

Bodies come and go as they are stored: an earlier release may have written them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.documents import SITE_ID, Kind
from shared.documents.selection import NEEDED, SelectionMethod
from shared.domain.document import Ref
from shared.domain.node import NodeRole

Body = Mapping[str, Any]

REACHED_BY: Final = ("public_address", "internal_address", "gateway_url", "public_key")
"""How a node is reached, and proven to be itself."""

OF_A_MACHINE: Final = ("role", *REACHED_BY, "accepting_new_clients", "maintenance")
OF_A_SITE: Final = ("name", "redirection")
FOUND_BY: Final = tuple(method.value for method in NEEDED)
"""The parameters of selection that name machines: records of DNS, and a shared address."""


@dataclass
class Adaptation:
    """Another site's documents as this site takes them, and sentences on what stays as it is."""

    bodies: dict[Ref, dict[str, Any]] = field(default_factory=dict[Ref, dict[str, Any]])
    kept: list[str] = field(default_factory=list[str])

    def keep(
        self, ref: Ref, body: Body, fields: Iterable[str], here: Body, within: str = ""
    ) -> dict[str, Any]:
        """Return *body* with *fields* as they are *here*, and say which of them differ.

        *within* says which part of the document the body is.
        """
        names = tuple(fields)
        differing = [
            f"{within}{name}"
            for name in names
            if (body.get(name) or None) != (here.get(name) or None)
        ]
        if differing:
            self.kept.append(f"{ref}: kept as here: {', '.join(differing)}")
        return _with_fields(body, names, here)


def adapt_to_site(backup: Mapping[Ref, Body], here: Mapping[Ref, Body]) -> Adaptation:
    """Adapt the documents of another site's *backup* to the site whose documents are *here*.

    Nodes of this site that the backup has not are among the result as they are, so that nothing
    deletes them.
    """
    found = Adaptation()
    for ref in sorted(backup, key=_order):
        body = _adapted(found, ref, backup[ref], here)
        if body is not None:
            found.bodies[ref] = body
    for ref in sorted(here):
        if ref.kind == Kind.NODE and ref not in found.bodies:
            found.bodies[ref] = dict(here[ref])
            found.kept.append(f"{ref} stays: it is a machine of this site")
    return found


def _adapted(
    found: Adaptation, ref: Ref, body: Body, here: Mapping[Ref, Body]
) -> dict[str, Any] | None:
    """Return the body to apply for *ref*; None where it does not come."""
    match ref.kind:
        case Kind.SITE:
            return _adapt_site(found, ref, body, here.get(ref, {}))
        case Kind.NODE:
            return _adapt_node(found, ref, body, here.get(ref))
        case Kind.USER:
            return _adapt_user(found, ref, body, here)
        case Kind.TEAM | Kind.PUBLIC_SITE:
            return _adapt_override(found, ref, body, here.get(Ref(Kind.SITE, SITE_ID), {}))
        case Kind.WEBHOOK:
            return _adapt_webhook(found, ref, body, here.get(ref, {}))
        case _:
            return dict(body)


def _adapt_site(found: Adaptation, ref: Ref, body: Body, here: Body) -> dict[str, Any]:
    failover: Body = body.get("failover") or {}
    probes: Body = here.get("failover") or {}
    failover = found.keep(ref, failover, ("probe_targets",), probes, within="failover.")
    selection = _adapt_selection(
        found, ref, body.get("selection") or {}, here.get("selection") or {}
    )
    selection["methods"] = selection.get("methods") or [SelectionMethod.RANDOM.value]
    return {
        **found.keep(ref, body, OF_A_SITE, here),
        "failover": failover,
        "selection": selection,
    }


def _adapt_node(
    found: Adaptation, ref: Ref, body: Body, here: Body | None
) -> dict[str, Any] | None:
    if here is not None:
        return found.keep(ref, body, OF_A_MACHINE, here)
    if body.get("role") != NodeRole.TRAFFIC:
        found.kept.append(f"{ref} is left out: it is a {body.get('role')} of the other site")
        return None
    if any(body.get(name) for name in REACHED_BY):
        found.kept.append(f"{ref} comes without addresses and key: it is no machine of this site")
    return _with_fields(body, REACHED_BY, {})


def _adapt_user(
    found: Adaptation, ref: Ref, body: Body, here: Mapping[Ref, Body]
) -> dict[str, Any]:
    pin = body.get("pinned_node")
    if pin is None or Ref(Kind.NODE, pin) in found.bodies or Ref(Kind.NODE, pin) in here:
        return dict(body)
    found.kept.append(f"{ref}: pinned_node is left out: there is no node {pin} here")
    return {**body, "pinned_node": None}


def _adapt_override(found: Adaptation, ref: Ref, body: Body, site: Body) -> dict[str, Any]:
    if not body.get("selection"):
        return dict(body)
    selection = _adapt_selection(found, ref, body["selection"], site.get("selection") or {})
    for name in FOUND_BY:  # the site's own hold
        selection.pop(name, None)
    return {**body, "selection": {**selection, "methods": selection.get("methods") or None}}


def _adapt_webhook(found: Adaptation, ref: Ref, body: Body, here: Body) -> dict[str, Any]:
    if here.get("url") == body.get("url"):
        return found.keep(ref, body, ("enabled", "since", "secret_number"), here)
    found.kept.append(
        f"{ref} comes disabled: `meridian webhook enable {ref.id}` confirms that this site is to "
        f"deliver to {body.get('url')}"
    )
    return {**body, "enabled": False, "since": None}


def _adapt_selection(found: Adaptation, ref: Ref, selection: Body, here: Body) -> dict[str, Any]:
    """Return *selection* with the parameters that name machines as they are *here*."""
    adapted = found.keep(ref, selection, FOUND_BY, here, within="selection.")
    methods: list[str] = list(adapted.get("methods") or ())
    if "method" in adapted:  # as bodies said it before there were lists
        methods = [adapted.pop("method")]
    lacking = [each for each in methods if each in FOUND_BY and not adapted.get(each)]
    if lacking:
        found.kept.append(
            f"{ref}: the method {', '.join(lacking)} is left out: this site has no machines for it"
        )
    return {**adapted, "methods": [each for each in methods if each not in lacking]}


def _with_fields(body: Body, fields: Iterable[str], here: Body) -> dict[str, Any]:
    """Return *body* with *fields* as *here*; one that is not there is left to its default."""
    names = frozenset(fields)
    rest = {name: value for name, value in body.items() if name not in names}
    return rest | {name: here[name] for name in names if name in here}


def _order(ref: Ref) -> tuple[bool, Ref]:
    """Nodes come before what names them."""
    return ref.kind != Kind.NODE, ref
