"""The size of things. Beauty is lost in the tail: a budget is raised only with a decision note."""

from statistics import median

from tests.architecture.sources import (
    PRODUCT,
    TOOLING,
    Source,
    arguments,
    length,
    public_methods,
    sources,
)


def ours() -> tuple[Source, ...]:
    return sources(*PRODUCT, *TOOLING)


def test_the_median_source_file_fits_on_three_screens() -> None:
    assert median(source.lines for source in ours()) <= 150


def test_the_median_function_fits_in_a_glance() -> None:
    assert median(length(node) for source in ours() for node in source.functions()) <= 8


def test_a_source_file_has_at_most_400_lines() -> None:
    assert {each.name: each.lines for each in ours() if each.lines > 400} == {}


def test_a_function_has_at_most_50_lines() -> None:
    sizes = {f"{each.name} {f.name}": length(f) for each in ours() for f in each.functions()}
    assert {name: size for name, size in sizes.items() if size > 50} == {}


def test_a_function_takes_at_most_six_arguments() -> None:
    counts = {f"{each.name} {f.name}": arguments(f) for each in ours() for f in each.functions()}
    assert {name: count for name, count in counts.items() if len(count) > 6} == {}


def test_a_class_has_at_most_200_lines() -> None:
    sizes = {f"{each.name} {c.name}": length(c) for each in ours() for c in each.classes()}
    assert {name: size for name, size in sizes.items() if size > 200} == {}


def test_a_class_has_at_most_twelve_public_methods() -> None:
    found = {f"{each.name} {c.name}": public_methods(c) for each in ours() for c in each.classes()}
    assert {name: methods for name, methods in found.items() if len(methods) > 12} == {}


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
