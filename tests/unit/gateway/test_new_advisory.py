"""An advisory as an operator writes it: numbers are numbers, and each sensor counts once."""

import pytest
from pydantic import ValidationError

from services.gateway.advisories.new_advisory import NewAdvisory
from shared.events.limits import text_check

GIVEN = {"advisory_type": "construction", "title": "Works", "affected_sensors": ["1"]}


@pytest.mark.parametrize("latitude", ["34.0", True, "1_0", None, []])
def test_a_place_is_given_in_numbers(latitude: object) -> None:
    with pytest.raises(ValidationError):
        NewAdvisory.model_validate({**GIVEN, "latitude": latitude, "longitude": -118.0})
    assert NewAdvisory.model_validate({**GIVEN, "latitude": 34, "longitude": -118.5}).latitude == 34


def test_a_sensor_that_is_named_often_is_one() -> None:
    assert NewAdvisory.model_validate({**GIVEN, "affected_sensors": ["2", "1", "2"] * 2_500}).affected_sensors == (
        "2",
        "1",
    )


def test_the_title_is_the_one_that_the_log_keeps() -> None:
    title = "U\u0308berholverbot \u0958"
    new = NewAdvisory.model_validate({**GIVEN, "title": title, "description": "one\r\ntwo"})
    assert new.title == text_check("title")(title)
    assert new.description == text_check("description")("one\r\ntwo") == "one\ntwo"
    with pytest.raises(ValidationError, match="at most 200"):
        NewAdvisory.model_validate({**GIVEN, "title": "\U0001d160" * 100})
