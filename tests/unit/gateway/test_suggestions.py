import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.suggestions import no_such, suggestion, unknown

NAMES = ("limit", "sensor_id", "network_id", "severity")


@pytest.mark.parametrize(
    ("name", "meant"),
    [("sensor", "sensor_id"), ("SEVRITY", "severity"), ("limt", "limit"), ("networkid", "network_id")],
)
def test_what_may_be_meant(name: str, meant: str) -> None:
    assert suggestion(name, NAMES) == f"did you mean {meant}?"


def test_few_names_are_listed_and_many_are_not() -> None:
    assert suggestion("zzz", NAMES).startswith("there are limit, ")
    assert suggestion("zzz", map(str, range(1000))) == ""
    assert suggestion("zzz", ()) == "there are none"
    assert no_such("alert", "zzz", NAMES) == "There is no alert zzz."


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=20))
def test_any_name_gets_an_answer_of_bounded_length(name: str, known: list[str]) -> None:
    assert len(unknown("sensor", name, known)) < 2000
