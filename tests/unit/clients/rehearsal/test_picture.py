"""The picture of a rehearsal: whole SVG, everybody on it, no name taken for markup."""

from xml.etree import ElementTree as ET

from clients.rehearsal.picture import Drawing, draw
from clients.rehearsal.population import Person
from clients.rehearsal.report import PersonPlacement, build_report

SVG = "{http://www.w3.org/2000/svg}"
PEOPLE = (
    Person("192.0.2.1", location=(52.5, 13.4), clients=100),
    Person("192.0.2.2", location=(35.7, 139.7)),
    Person("192.0.2.3"),
)
NODES = {"berlin": (52.5, 13.4), "tokyo": (35.7, 139.7)}
TODAY = (PersonPlacement("berlin", 0), PersonPlacement("tokyo", 0), PersonPlacement("berlin"))


def picture_of(title: str, after: tuple[PersonPlacement, ...]) -> ET.Element:
    drawing = Drawing(
        title, PEOPLE, after, build_report(PEOPLE, TODAY), build_report(PEOPLE, after), NODES
    )
    return ET.fromstring(draw(drawing))


def texts(picture: ET.Element) -> list[str]:
    return [str(each.text) for each in picture.iter(f"{SVG}text")]


def test_every_node_has_a_label_and_a_bar_with_its_figures() -> None:
    labels = texts(picture_of("by today's settings", TODAY))
    assert {"berlin 99%", "tokyo 1%"} <= set(labels)
    assert "99.0% (today 99.0%), 101 clients" in labels


def test_a_node_that_nobody_gets_any_more_keeps_its_place() -> None:
    labels = texts(
        picture_of(
            "without berlin",
            (PersonPlacement("tokyo"), PersonPlacement("tokyo"), PersonPlacement("tokyo")),
        )
    )
    assert labels.count("berlin") == 2
    assert "0.0% (today 99.0%), 0 clients" in labels


def test_only_clients_with_a_location_are_on_the_map() -> None:
    picture = picture_of("today", TODAY)
    dots = [each for each in picture.iter(f"{SVG}circle") if each.get("opacity")]
    assert len(dots) == 2


def test_those_without_a_node_are_drawn_and_counted() -> None:
    labels = texts(
        picture_of("nobody", (PersonPlacement(None), PersonPlacement(None), PersonPlacement(None)))
    )
    assert "(no node)" in labels
    assert any("without a node: 102 (today 0)" in each for each in labels)


def test_a_title_is_text_and_never_markup() -> None:
    assert texts(picture_of("<b>&", TODAY))[0] == "<b>&"


def test_a_node_keeps_its_colour_whatever_its_share_is() -> None:
    after = (PersonPlacement("tokyo"), PersonPlacement("tokyo"), PersonPlacement("berlin"))
    colours = list[dict[str, str]]()
    for placements in (TODAY, after):
        drawing = Drawing(
            "",
            PEOPLE,
            placements,
            build_report(PEOPLE, TODAY),
            build_report(PEOPLE, placements),
            NODES,
        )
        colours.append(drawing.colour_of())
    assert colours[0] == colours[1]
