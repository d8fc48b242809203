"""Frees each world when its test is done: the bytes under way are many, and held in circles."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def world_is_freed() -> Iterator[None]:
    yield
    gc.collect()
