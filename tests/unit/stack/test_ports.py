"""Ports: two sites never get the same ones, and what others hold is left alone."""

import socket

import pytest

from stack.failure import PortTaken
from stack.ports import BLOCK, HOST, is_free, reserve, reserve_again


def test_two_reservations_share_no_port() -> None:
    first, second = reserve(), reserve()
    try:
        assert abs(first.guard - second.guard) >= BLOCK
    finally:
        first.close()
        second.close()


def test_the_ports_of_a_block_are_consecutive_and_free() -> None:
    block = reserve()
    try:
        ports = [block.take() for _ in range(BLOCK - 1)]
        assert ports == list(range(block.guard + 1, block.guard + BLOCK))
        assert all(is_free(port) for port in ports)
        with pytest.raises(AssertionError):
            block.take()
    finally:
        block.close()


def test_many_ports_take_blocks_in_a_row_and_keep_every_guard() -> None:
    block = reserve(2 * BLOCK)
    try:
        ports = [block.take() for _ in range(3 * (BLOCK - 1))]
        guards = [block.guard + BLOCK * number for number in range(3)]
        assert not set(ports) & set(guards)
        assert len(set(ports)) == len(ports)
        for guard in guards:
            with pytest.raises(PortTaken):
                reserve_again(guard)
        with pytest.raises(AssertionError):
            block.take()
    finally:
        block.close()
    for guard in guards:
        reserve_again(guard).close()


def test_the_guard_keeps_a_block_until_it_is_given_back() -> None:
    block = reserve()
    with pytest.raises(PortTaken, match="is it running already"):
        reserve_again(block.guard)
    block.close()
    reserve_again(block.guard).close()


def test_a_block_with_one_port_in_use_is_refused() -> None:
    block = reserve()
    block.close()
    with socket.create_server((HOST, block.guard + 7)):
        with pytest.raises(PortTaken):
            reserve_again(block.guard)
        other = reserve()
        assert other.guard != block.guard
        other.close()


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((HOST, 0)) as server:
        assert not is_free(server.getsockname()[1])
