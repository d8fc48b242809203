"""A site without faults, and a gateway that asks it for changes."""

from collections.abc import Iterator

import pytest

from tests.simulation.failover.faults import NO_FAULTS
from tests.simulation.failover.world import NODES
from tests.simulation.site.gateway import Gateway
from tests.simulation.site.scenario import check_healed, new_site
from tests.simulation.site.site import Site


@pytest.fixture
def site() -> Iterator[Site]:
    """A site whose alpha is primary, with a backup that is attached."""
    site = new_site(1)
    site.fault_plan = NO_FAULTS
    site.run(8)
    assert site.primaries() == [NODES[0]]
    yield site
    site.end()


@pytest.fixture
def gateway(site: Site) -> Gateway:
    """Who asks for changes; one is made."""
    gateway = Gateway(site)
    check_healed(site, gateway)
    return gateway
