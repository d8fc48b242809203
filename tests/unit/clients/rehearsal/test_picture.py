"""The picture of a rehearsal: whole SVG, everybody on it, nobody's name taken for markup."""

from xml.etree import ElementTree as ET

from clients.rehearsal.picture import Drawing, draw
from clients.rehearsal.population import Person
from clients.rehearsal.report import Placed, report

SVG = "{http://www.w3.org/2000/svg}"
PEOPLE = (
    Person("192.0.2.1", location=(52.5, 13.4), clients=100),
    Person("192.0.2.2", location=(35.7, 139.7)),
    Person("192.0.2.3"),
)
NODES = {"berlin": (52.5, 13.4), "tokyo": (35.7, 139.7)}
TODAY = (Placed("berlin", 0), Placed("tokyo", 0), Placed("berlin"))


def drawn(title: str, after: tuple[Placed, ...]) -> ET.Element:
    drawing = Drawing(title, PEOPLE, after, report(PEOPLE, TODAY), report(PEOPLE, after), NODES)
    return ET.fromstring(draw(drawing))


def texts(picture: ET.Element) -> list[str]:
    return [str(each.text) for each in picture.iter(f"{SVG}text")]


def test_every_node_has_a_label_and_a_bar_with_its_figures() -> None:
    told = texts(drawn("by today's settings", TODAY))
    assert {"berlin 99%", "tokyo 1%"} <= set(told)
    assert "99.0% (today 99.0%), 101 clients" in told


def test_a_node_that_nobody_gets_any_more_keeps_its_place() -> None:
    told = texts(drawn("without berlin", (Placed("tokyo"), Placed("tokyo"), Placed("tokyo"))))
    assert told.count("berlin") == 2
    assert "0.0% (today 99.0%), 0 clients" in told


def test_only_who_has_a_place_stands_on_the_map() -> None:
    picture = drawn("today", TODAY)
    dots = [each for each in picture.iter(f"{SVG}circle") if each.get("opacity")]
    assert len(dots) == 2


def test_those_without_a_node_are_drawn_and_told() -> None:
    told = texts(drawn("nobody", (Placed(None), Placed(None), Placed(None))))
    assert "(no node)" in told
    assert any("without a node: 102 (today 0)" in each for each in told)


def test_a_title_is_text_and_never_markup() -> None:
    assert texts(drawn("<b>&", TODAY))[0] == "<b>&"


def test_a_node_keeps_its_colour_whatever_its_share_is() -> None:
    after = (Placed("tokyo"), Placed("tokyo"), Placed("berlin"))
    colours = list[dict[str, str]]()
    for placed in (TODAY, after):
        drawing = Drawing("", PEOPLE, placed, report(PEOPLE, TODAY), report(PEOPLE, placed), NODES)
        colours.append(drawing.colour_of())
    assert colours[0] == colours[1]
