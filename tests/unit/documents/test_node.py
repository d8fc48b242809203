from typing import Any

import pytest

from shared.documents.node import NodeDocument
from shared.documents.shape import shaped
from shared.domain.errors import InvalidChange


def prefixes(*networks: str) -> list[str]:
    body: dict[str, Any] = {"role": "traffic", "prefixes": networks}
    kept: list[str] = shaped(NodeDocument, "node 'berlin'", body)["prefixes"]
    return kept


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("10.0.0.0/8", "10.0.0.0/8"),
        ("10.0.0.0/255.255.0.0", "10.0.0.0/16"),
        (" 192.0.2.7 ", "192.0.2.7/32"),
        ("2001:DB8::/32", "2001:db8::/32"),
    ],
)
def test_a_network_may_be_written_in_several_ways(written: str, kept: str) -> None:
    assert prefixes(written) == [kept]


@pytest.mark.parametrize(
    ("networks", "sentence"),
    [
        (("10.0.0.1/8",), "'10.0.0.1/8' is no network: 10.0.0.1/8 has host bits set"),
        (("10.0.0.0/255.0.255.0",), "'10.0.0.0/255.0.255.0' is no network"),
        (("berlin",), "'berlin' is no network"),
        (
            ("10.0.0.0/16", "2001:db8::/32", "10.0.0.0/255.255.0.0"),
            "the network 10.0.0.0/16 is given twice: give it once",
        ),
    ],
)
def test_a_network_that_is_none_or_stands_there_twice_is_told(
    networks: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(InvalidChange) as caught:
        prefixes(*networks)
    assert sentence in caught.value.message


def test_networks_may_overlap() -> None:
    assert prefixes("10.0.0.0/8", "10.1.0.0/16") == ["10.0.0.0/8", "10.1.0.0/16"]
