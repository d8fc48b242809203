import pytest

from shared.domain.release import are_compatible, is_newer_major


@pytest.mark.parametrize(
    ("version", "other", "compatible"),
    [
        ("1.2.0", "1.9.1", True),
        ("1.2.0", "2.0.0", False),
        ("0.1", "0.2", True),
        ("1", "1.4", True),
        ("", "1.0", False),
        ("unknown", "unknown", True),
    ],
)
def test_versions_with_one_major_part_are_compatible(
    version: str, other: str, *, compatible: bool
) -> None:
    assert are_compatible(version, other) is compatible
    assert are_compatible(other, version) is compatible


@pytest.mark.parametrize(
    ("version", "than", "newer"),
    [
        ("1.2.0", "1.2.0", False),
        ("1.9.4", "1.2.0", False),
        ("1.9.0", "2.0.0", False),
        ("2.0.0", "1.9.0", True),
        ("10.1", "9.0", True),
        ("2.0.0", "unknown", False),
        ("unknown", "1.0.0", False),
        ("", "0.1.0", False),
        ("9999999999.1", "1.0", False),
        ("\u0662.1", "1.0", False),
    ],
)
def test_a_larger_major_number_is_a_newer_major_release(
    version: str, than: str, *, newer: bool
) -> None:
    assert is_newer_major(version, than) is newer
