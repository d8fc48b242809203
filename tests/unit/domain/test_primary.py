import pytest

from shared.domain.ids import Epoch, NodeId
from shared.domain.primary import PrimaryClaim, apparent_primary


def claim(node: str, epoch: int) -> PrimaryClaim:
    return PrimaryClaim(NodeId(node), Epoch(epoch))


ALPHA_1, BRAVO_2 = claim("alpha", 1), claim("bravo", 2)


@pytest.mark.parametrize(
    ("claims", "primary"),
    [
        ((), None),
        ((ALPHA_1,), ALPHA_1),
        ((ALPHA_1, BRAVO_2), BRAVO_2),
        ((BRAVO_2, ALPHA_1), BRAVO_2),
        ((BRAVO_2, claim("alpha", 2)), claim("alpha", 2)),
    ],
)
def test_the_largest_epoch_seems_primary_and_the_last_of_equal_ones(
    claims: tuple[PrimaryClaim, ...], primary: PrimaryClaim | None
) -> None:
    assert apparent_primary(claims) == primary
