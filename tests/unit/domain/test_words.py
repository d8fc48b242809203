import pytest

from shared.domain.errors import BY_CODE, MeridianError, Unavailable, from_code
from shared.domain.ids import parse_node_id
from shared.domain.node import Side


@pytest.mark.parametrize("text", ["a", "alpha", "node-1", "a" * 63, "1"])
def test_a_dns_label_is_a_node_name(text: str) -> None:
    assert parse_node_id(text) == text


@pytest.mark.parametrize("text", ["", "A", "-a", "a-", "a.b", "a b", "a" * 64, "ä", "a\n"])
def test_what_is_no_dns_label_is_no_node_name(text: str) -> None:
    with pytest.raises(ValueError, match="is no node name"):
        parse_node_id(text)


def test_every_error_has_a_code_of_its_own() -> None:
    def tree(root: type[MeridianError]) -> list[type[MeridianError]]:
        return [root, *(each for child in root.__subclasses__() for each in tree(child))]

    declared = [each for each in tree(MeridianError) if each.__module__ == MeridianError.__module__]

    assert len({each.code for each in declared}) == len(declared)
    assert {BY_CODE[each.code] for each in declared} == set(declared)


def test_an_error_crosses_the_wire_by_its_code() -> None:
    error = from_code("no_traffic_node", "none is left", retry_after_seconds=3)

    assert isinstance(error, Unavailable)
    assert error.message == str(error) == "none is left"
    assert error.attributes == {"retry_after_seconds": 3}


def test_an_unknown_code_is_still_an_error() -> None:
    assert type(from_code("from_a_newer_version", "x")) is MeridianError


def test_each_side_has_the_other() -> None:
    assert [side.other for side in Side] == list(reversed(Side))
