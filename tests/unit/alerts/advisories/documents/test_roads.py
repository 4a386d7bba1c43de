"""Road names in every spelling."""

import pytest

from shared.alerts.advisories.documents.roads import direction_of, read_road


@pytest.mark.parametrize(
    "text",
    ["I-405 N", "I405 N", "Interstate 405 Northbound", "NB I-405", "I-405 NB", "I 405 North", "I-405N", "IH-405 north",
     "Northbound Interstate 405", "I-405 (San Diego Fwy) NB"],
)  # fmt: skip
def test_one_interstate(text: str) -> None:
    road = read_road(text)
    assert (road.system, road.number, road.direction) == ("I", 405, "N")


@pytest.mark.parametrize(
    ("text", "system", "number", "direction"),
    [
        ("US-101", "US", 101, None),
        ("U.S. 101 S", "US", 101, "S"),
        ("US Hwy 101 Southbound", "US", 101, "S"),
        ("US Highway 101", "US", 101, None),
        ("SR-134 E", "SR", 134, "E"),
        ("State Route 134", "SR", 134, None),
        ("CA-134 WB", "SR", 134, "W"),
        ("SR134", "SR", 134, None),
        ("Route 110", None, 110, None),
        ("Hwy 101 N", None, 101, "N"),
        ("405 Freeway", None, 405, None),
        ("405 N", None, 405, "N"),
        ("San Diego Freeway", None, None, None),
        ("Sepulveda Blvd", None, None, None),
        ("5 Points Ave", None, None, None),
        ("", None, None, None),
    ],
)
def test_others(text: str, system: str | None, number: int | None, direction: str | None) -> None:
    road = read_road(text)
    assert (road.system, road.number, road.direction) == (system, number, direction)


def test_a_class_is_compared_where_both_tell_it() -> None:
    assert read_road("Route 110").same_route(read_road("I-110"))
    assert not read_road("SR-110").same_route(read_road("I-110"))
    assert not read_road("I-10").same_route(read_road("I-110"))
    assert read_road("Main St.").same_route(read_road("main st"))


def test_directions() -> None:
    assert direction_of(" Northbound ") == "N"
    assert direction_of("BOTH") is None
    assert read_road("I-405 N", "S").direction == "S"


def test_a_freeway_is_told_from_a_street() -> None:
    assert read_road("San Diego Freeway").motorway
    assert not read_road("Sepulveda Blvd").motorway
