"""The size of things. Beauty is lost in the tail: a budget is raised only with a decision note."""

from statistics import median

import pytest

from tests.architecture.sources import (
    PRODUCT,
    TOOLING,
    Source,
    arguments,
    length,
    public_methods,
    sources,
)

OURS = sources(*PRODUCT, *TOOLING)
every_source = pytest.mark.parametrize("source", OURS, ids=lambda source: source.name)


def test_the_median_source_file_fits_on_three_screens() -> None:
    assert median(source.lines for source in OURS) <= 150


def test_the_median_function_fits_in_a_glance() -> None:
    assert median(length(node) for source in OURS for node in source.functions()) <= 8


@every_source
def test_a_source_file_has_at_most_400_lines(source: Source) -> None:
    assert source.lines <= 400


@every_source
def test_a_function_has_at_most_50_lines(source: Source) -> None:
    assert {f.name: length(f) for f in source.functions() if length(f) > 50} == {}


@every_source
def test_a_function_takes_at_most_six_arguments(source: Source) -> None:
    assert {f.name: arguments(f) for f in source.functions() if len(arguments(f)) > 6} == {}


@every_source
def test_a_class_has_at_most_200_lines(source: Source) -> None:
    assert {c.name: length(c) for c in source.classes() if length(c) > 200} == {}


@every_source
def test_a_class_has_at_most_twelve_public_methods(source: Source) -> None:
    crowded = {c.name: public_methods(c) for c in source.classes() if len(public_methods(c)) > 12}
    assert crowded == {}


def test_a_handler_over_15_lines_is_a_core_trying_to_get_out() -> None:
    handlers = [
        (f"{source.name}:{function.lineno} {function.name}", length(function))
        for source in sources("services")
        if "handlers" in source.module.split(".")
        for function in source.functions()
        if function.name.startswith("on_")
    ]
    assert [(name, lines) for name, lines in handlers if lines > 15] == []


def test_there_are_at_least_as_many_lines_of_tests_as_of_source() -> None:
    product = sum(source.lines for source in sources(*PRODUCT))
    tests = sum(source.lines for source in sources("tests"))
    assert tests / product >= 1.0, f"{tests} lines of tests, {product} of source"
