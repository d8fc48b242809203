"""How `meridian status` says that services ended uncleanly."""

import pytest

from clients.commands.cluster import service_line
from shared.domain.service import ServiceRestarts


@pytest.mark.parametrize(
    ("restarts", "crash_loop", "is_away", "said"),
    [
        (1, False, False, "relay ended uncleanly once: it was started again"),
        (4, False, False, "relay ended uncleanly 4 times in a row: it was started again"),
        (3, True, False, "relay ended uncleanly 3 times in a row, a crash loop: it was started"),
        (2, True, True, "relay ended uncleanly 3 times in a row, a crash loop: it has not come"),
        (0, False, True, "relay ended uncleanly once: it has not come back"),
    ],
)
def test_a_service_is_told_with_its_ends_and_how_it_is_now(
    restarts: int, crash_loop: bool, is_away: bool, said: str
) -> None:
    service = ServiceRestarts("relay", restarts, crash_loop, is_away)
    assert service_line(service).startswith(said)
