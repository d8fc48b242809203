import pytest

from clients.cli.addresses import parse_address
from shared.domain.errors import BadSettings


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:22", ("127.0.0.1", 22)),
        (" desk.example.com:3389 ", ("desk.example.com", 3389)),
        ("[::1]:22", ("::1", 22)),
        (":2222", ("127.0.0.1", 2222)),
        ("2222", ("127.0.0.1", 2222)),
        ("a:65535", ("a", 65535)),
    ],
)
def test_an_address_is_read_as_people_write_it(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize("text", ["", "host", "host:", "host:ssh", "host:0", "host:65536", "a b:1"])
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BadSettings, match=r"127\.0\.0\.1:22"):
        parse_address(text)


def test_port_0_is_any_port_where_one_is_chosen() -> None:
    assert parse_address("127.0.0.1:0", any_port=True) == ("127.0.0.1", 0)
