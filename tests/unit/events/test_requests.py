"""A request names its reply type once, in the brackets of its declaration."""

import ast
import inspect
import textwrap
from types import new_class
from typing import Any

import pytest

from shared.events import CATALOGUE
from shared.events.message import Done, Event, Request


def named_reply(message: type[Event]) -> str:
    """What stands in brackets where *message*, or the request that it extends, is declared."""
    (declared,) = ast.parse(textwrap.dedent(inspect.getsource(message))).body
    assert isinstance(declared, ast.ClassDef)
    (base,) = declared.bases
    if isinstance(base, ast.Subscript):
        assert ast.unparse(base.value) == "Request"
        return ast.unparse(base.slice)
    return named_reply(message.__mro__[1])


def test_every_request_of_the_catalogue_is_answered_by_the_type_in_its_brackets() -> None:
    requests: list[type[Request[Any]]] = [each for each in CATALOGUE if issubclass(each, Request)]
    replies = {each.__name__: each.reply.__name__ for each in requests}

    assert replies == {each.__name__: named_reply(each) for each in requests}


def test_a_request_without_brackets_cannot_be_declared() -> None:
    with pytest.raises(TypeError, match=r"declare it as Nameless\(Request\[ItsReply\]\)"):
        new_class("Nameless", (Request,))


def test_a_request_that_extends_another_one_is_answered_as_that_one_is() -> None:
    class First(Request[Done]):
        pass

    class Second(First):
        pass

    assert Second.reply is Done
