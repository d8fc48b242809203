"""Which errors of PostgreSQL are refusals of a sick server, and which are silence."""

import asyncpg
import pytest

from shared.domain.errors import StoreUnavailable
from shared.domain.refusal import StoreRefused
from shared.persistence.pool import store_error

REFUSALS = {
    "53100": "disk full",
    "53200": "out of memory",
    "53000": "insufficient resources",
    "25006": "read only transaction",
    "58030": "I/O error",
    "58P01": "a file of the database is gone",
    "XX000": "internal error",
    "XX001": "a page is corrupted",
    "XX002": "an index is corrupted",
    "42501": "a right was taken away",
    "42P01": "a table is gone",
    "F0000": "the configuration file is wrong",
    "ZZ999": "an error that is not known",
}
SILENCE = {
    "08000": "the connection failed",
    "08003": "there is no connection",
    "08006": "the connection was lost",
    "08P01": "the protocol was broken",
    "28000": "the login was refused",
    "28P01": "the password is wrong",
    "3D000": "there is no such database",
    "53300": "too many connections",
    "57014": "the statement was cancelled",
    "57P01": "an operator shuts the server down",
    "57P02": "the server crashes",
    "57P03": "the server starts, and takes no connections yet",
}
OWN_FAULTS = {
    "22P05": "a character that the database does not know",
    "23505": "a key that is there already",
    "40001": "two transactions at the same time",
    "40P01": "a deadlock",
    "54000": "a limit of the program",
    "55P03": "a lock that was not to be had",
    "P0001": "the fence of the epochs",
}


def server_error(state: str) -> asyncpg.PostgresError:
    error = asyncpg.PostgresError.new({"C": state, "M": "why", "H": "a hint"})
    assert isinstance(error, asyncpg.PostgresError)
    assert error.sqlstate == state
    return error


@pytest.mark.parametrize("state", REFUSALS, ids=REFUSALS.values())
def test_a_sick_server_refuses(state: str) -> None:
    error = store_error(server_error(state))
    assert type(error) is StoreRefused
    assert error.message == "the database refused: why; HINT:  a hint"


@pytest.mark.parametrize("state", SILENCE, ids=SILENCE.values())
def test_a_server_that_cannot_be_reached_or_is_shut_down_is_silent(state: str) -> None:
    assert type(store_error(server_error(state))) is StoreUnavailable


@pytest.mark.parametrize("state", OWN_FAULTS, ids=OWN_FAULTS.values())
def test_a_fault_of_the_statement_says_nothing_about_the_server(state: str) -> None:
    assert type(store_error(server_error(state))) is StoreUnavailable


@pytest.mark.parametrize(
    "error",
    [
        OSError("connection refused"),
        TimeoutError(),
        asyncpg.InterfaceError("the connection is closed"),
        asyncpg.InternalClientError("out of step"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_that_the_server_did_not_report_is_silence(error: Exception) -> None:
    assert type(store_error(error)) is StoreUnavailable


def test_a_refusal_is_a_failure_of_the_store_for_whoever_does_not_ask() -> None:
    assert issubclass(StoreRefused, StoreUnavailable)
    assert StoreRefused.code == StoreUnavailable.code
