import io
import json
import logging
from collections.abc import Iterator

import pytest

from shared.runtime.log import JsonFormatter, set_up_logging


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level


def line_of(monkeypatch: pytest.MonkeyPatch, form: str, *, terminal: bool = False) -> str:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return terminal

    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    set_up_logging("alpha.config.1f", form=form, level="info")
    logging.getLogger("meridian.test").info("revision %d", 7, extra={"epoch": 2})
    logging.getLogger("meridian.test").debug("not shown")
    return stream.getvalue()


@pytest.mark.parametrize(("form", "terminal"), [("json", True), ("auto", False)])
def test_a_machine_gets_one_object_a_line(
    monkeypatch: pytest.MonkeyPatch, form: str, *, terminal: bool
) -> None:
    line = json.loads(line_of(monkeypatch, form, terminal=terminal))

    assert line["message"] == "revision 7"
    assert line["from"] == "alpha.config.1f"
    assert line["level"] == "info"
    assert line["epoch"] == 2
    assert line["at"].endswith("+00:00")


@pytest.mark.parametrize(("form", "terminal"), [("human", False), ("auto", True)])
def test_a_person_gets_a_short_line(
    monkeypatch: pytest.MonkeyPatch, form: str, *, terminal: bool
) -> None:
    line = line_of(monkeypatch, form, terminal=terminal)

    assert "revision 7" in line
    assert not line.startswith("{")


def test_an_exception_is_kept_whole_in_its_line() -> None:
    record = logging.makeLogRecord({"msg": "failed", "levelname": "ERROR"})
    try:
        int("why")
    except ValueError as error:
        record.exc_info = (type(error), error, error.__traceback__)

    line = json.loads(JsonFormatter("x").format(record))

    assert "ValueError: invalid literal" in line["exception"]


def test_chatty_libraries_are_made_quiet() -> None:
    set_up_logging("x", form="json", level="debug")

    assert logging.getLogger("nats").level == logging.WARNING
    assert logging.getLogger().level == logging.DEBUG
