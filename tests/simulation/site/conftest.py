"""A site in still weather, and who asks it for changes."""

from collections.abc import Iterator

import pytest

from tests.simulation.failover.weather import STILL
from tests.simulation.failover.world import NODES
from tests.simulation.site.gateway import Gateway
from tests.simulation.site.site import Site
from tests.simulation.site.story import begun, check_healed


@pytest.fixture
def site() -> Iterator[Site]:
    """A site whose alpha is primary, with a backup that is attached."""
    site = begun(1)
    site.weather = STILL
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
