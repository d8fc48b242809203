"""Frees the syntax trees when the last test of this folder is done."""

from collections.abc import Iterator

import pytest

from tests.architecture.sources import forget


@pytest.fixture(scope="package", autouse=True)
def trees() -> Iterator[None]:
    yield
    forget()
