"""Zones are regions and UTC; a hint says what is meant, not what is spelt alike."""

from zoneinfo import available_timezones

import pytest

from shared.events.zones import AREAS, REGIONS_OF, read_zone


@pytest.mark.parametrize("name", ["America/Los_Angeles", "UTC", "Etc/UTC", "Europe/Berlin", "US/Pacific"])
def test_regions_and_utc_are_zones(name: str) -> None:
    assert read_zone(name).key == name


@pytest.mark.parametrize(
    "name",
    [
        *("localtime", "posixrules", "Factory", "right/UTC", "posix/UTC", "right/America/Los_Angeles"),
        *("PST", "EST", "MST", "CET", "PST8PDT", "", "America", "America/", "../../etc/passwd", "America/../UTC"),
        *("/etc/localtime", "Mars/Olympus", "x" * 200_000, "America/Los_Angeles\0"),
    ],
)
def test_what_is_a_machine_an_offset_or_nothing_is_none(name: str) -> None:
    with pytest.raises(ValueError, match="is not an IANA time zone of a region"):
        read_zone(name)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PST", "America/Los_Angeles"),
        ("pdt", "America/Los_Angeles"),
        ("EST5EDT", "America/New_York"),
        ("CET", "Europe/Berlin"),
        ("los angeles", "America/Los_Angeles"),
        ("America/Los_Angelos", "America/Los_Angeles"),
        ("qqqq", "such as America/Los_Angeles"),
    ],
)
def test_a_hint_says_what_is_meant(name: str, meant: str) -> None:
    with pytest.raises(ValueError, match=meant):
        read_zone(name)


def test_what_hints_say_can_be_followed() -> None:
    for regions in REGIONS_OF.values():
        for region in regions.split(" or, without daylight saving time, "):
            assert read_zone(region).key == region


def test_every_region_of_the_database_is_taken() -> None:
    for name in available_timezones():
        if name.partition("/")[0] in AREAS and "/" in name:
            assert read_zone(name).key == name
