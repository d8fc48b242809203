import errno
import socket
from contextlib import ExitStack

import pytest

from shared.domain.errors import BadSettings
from shared.runtime.listening import (
    ListenSetting,
    describe_listen_error,
    open_listeners,
    show_address,
    show_addresses,
)


def setting(*hosts: str, port: int = 0) -> ListenSetting:
    return ListenSetting("the relay", "MERIDIAN_RELAY", hosts, port, 8)


def free_port() -> int:
    """A port that no address of either family uses at this moment."""
    with socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True) as listener:
        return int(listener.getsockname()[1])


def reached_at(connection: socket.socket, listener: socket.socket) -> str:
    """Accept *connection*, which has been made, and return its address as *listener* sees it."""
    listener.settimeout(5)
    accepted, address = listener.accept()
    with accepted, connection:
        return str(address[0])


def test_the_address_of_both_families_serves_both() -> None:
    (listener,) = open_listeners(setting("::"))
    with listener:
        port = listener.getsockname()[1]
        old = socket.create_connection(("127.0.0.1", port), 5)
        assert reached_at(old, listener) == "::ffff:127.0.0.1"
        new = socket.create_connection(("::1", port), 5)
        assert reached_at(new, listener) == "::1"


def test_a_list_of_addresses_opens_one_port_on_each_and_twice_the_same_is_once() -> None:
    with ExitStack() as opened:
        found = open_listeners(setting("127.0.0.1", "127.0.0.2", "::1", "127.0.0.1"))
        for listener in found:
            opened.enter_context(listener)
            assert not listener.getblocking()
        assert [each.getsockname()[0] for each in found] == ["127.0.0.1", "127.0.0.2", "::1"]
        assert show_addresses(found[2:]) == f"[::1]:{found[2].getsockname()[1]}"


def test_both_families_may_be_listed_one_by_one() -> None:
    port = free_port()
    with ExitStack() as opened:
        for listener in open_listeners(setting("0.0.0.0", "::", port=port)):
            opened.enter_context(listener)
        socket.create_connection(("127.0.0.1", port), 5).close()
        socket.create_connection(("::1", port), 5).close()


def test_an_error_names_the_address_that_cannot_be_had_and_leaves_none_open() -> None:
    port = free_port()
    with pytest.raises(BadSettings) as raised:
        open_listeners(setting("127.0.0.1", "203.0.113.1", port=port))
    assert raised.value.message == (
        f"the relay cannot listen on 203.0.113.1:{port}: this machine does not have that address; "
        "set MERIDIAN_RELAY_HOST and MERIDIAN_RELAY_PORT"
    )
    for listener in open_listeners(setting("127.0.0.1", port=port)):
        listener.close()


def test_a_port_in_use_is_one_sentence() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            open_listeners(setting("127.0.0.1", port=port))


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.300", "::1::2", "a" * 300])
def test_what_is_no_address_is_one_sentence(host: str) -> None:
    with pytest.raises(BadSettings, match="MERIDIAN_RELAY_HOST"):
        open_listeners(setting(host))


@pytest.mark.parametrize(
    ("number", "host", "sentence"),
    [
        (errno.EAFNOSUPPORT, "::", "this machine has no IPv6"),
        (errno.EADDRNOTAVAIL, "::", "this machine has no IPv6"),
        (errno.EAFNOSUPPORT, "2001:db8::1", "this machine has no IPv6"),
        (errno.EADDRNOTAVAIL, "2001:db8::1", "does not have that address"),
        (errno.EACCES, "0.0.0.0", "so low a port"),
        (errno.ENOBUFS, "0.0.0.0", "No buffer space"),
    ],
)
def test_a_machine_without_the_address_says_so(number: int, host: str, sentence: str) -> None:
    assert sentence in describe_listen_error(OSError(number, "strange"), host)


def test_addresses_are_written_as_in_a_url() -> None:
    assert show_address("192.0.2.1", 7443) == "192.0.2.1:7443"
    assert show_address("2001:db8::1", 7443) == "[2001:db8::1]:7443"
