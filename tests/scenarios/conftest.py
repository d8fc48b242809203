"""The switch that writes transcripts anew."""

import pytest


@pytest.fixture
def rewrite(pytestconfig: pytest.Config) -> bool:
    """Whether transcripts are written as they are observed, instead of compared."""
    return bool(pytestconfig.getoption("--rewrite-transcripts"))
