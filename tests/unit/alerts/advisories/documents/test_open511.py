"""Road events: types, schedules in local time, status."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.documents.draft import Parsed, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats import open511
from shared.events.records import AdvisoryType, AlertSeverity

ZONE = ZoneInfo("America/Los_Angeles")
Document = dict[str, Any]


def event(**changes: object) -> Document:
    return {
        "jurisdiction_url": "https://511.example/jurisdiction/la",
        "id": "la/game-1",
        "status": "ACTIVE",
        "headline": "Game at the stadium",
        "event_type": "SPECIAL_EVENT",
        "severity": "MODERATE",
        "created": "2026-11-01T10:00:00-07:00",
        "updated": "2026-11-02T10:00:00-08:00",
        "geography": {"type": "Point", "coordinates": [-118.4, 34.05]},
        "roads": [{"name": "I-405", "direction": "N", "state": "SOME_LANES_CLOSED"}],
        "schedule": {"intervals": ["2026-11-03T17:00/2026-11-03T23:00"]},
    } | changes


def read(now: datetime, *events: object) -> Parsed:
    return open511.parse({"events": list(events)}, ZONE, now)


def test_an_event_says_what_it_is(now: datetime) -> None:
    (draft,) = read(now, event()).drafts
    assert draft.advisory_type is AdvisoryType.EVENT
    assert draft.severity is AlertSeverity.MEDIUM
    assert draft.starts_at == datetime(2026, 11, 4, 1, tzinfo=UTC)
    assert draft.ends_at == datetime(2026, 11, 4, 7, tzinfo=UTC)
    assert draft.roads[0].direction == "N"
    assert draft.chain_id == "la/game-1"


@pytest.mark.parametrize(
    ("kind", "advisory_type"),
    [
        ("CONSTRUCTION", AdvisoryType.CONSTRUCTION),
        ("WEATHER_CONDITION", AdvisoryType.WEATHER),
        ("ROAD_CONDITION", AdvisoryType.WEATHER),
    ],
)
def test_types(now: datetime, kind: str, advisory_type: AdvisoryType) -> None:
    assert read(now, event(event_type=kind)).drafts[0].advisory_type is advisory_type


def test_an_incident_is_no_advisory(now: datetime) -> None:
    (rejected,) = read(now, event(event_type="INCIDENT")).rejected
    assert (rejected.publisher_id, rejected.index) == ("la/game-1", 0)
    assert "INCIDENT" in rejected.reason


def test_an_archived_event_is_taken_back_even_without_a_place(now: datetime) -> None:
    (draft,) = read(now, event(status="ARCHIVED", geography=None)).drafts
    assert draft.withdrawn


def test_an_open_interval_and_one_in_a_zone_of_its_own(now: datetime) -> None:
    (draft,) = read(now, event(timezone="America/New_York", schedule={"intervals": ["2026-11-03T17:00/"]})).drafts
    assert draft.starts_at == datetime(2026, 11, 3, 22, tzinfo=UTC)
    assert draft.ends_at is None


def test_nights_of_a_week_are_advisories_of_their_own(now: datetime) -> None:
    schedule = {
        "recurring_schedules": [
            {
                "start_date": "2026-10-01",
                "end_date": "2026-11-06",
                "daily_start_time": "21:00",
                "daily_end_time": "05:00",
                "days": [1, 2, 3, 4, 5],
            }
        ]
    }
    drafts = read(now, event(schedule=schedule)).drafts
    assert [draft.starts_at.astimezone(ZONE).strftime("%a %H:%M") for draft in drafts] == [
        f"{day} 21:00" for day in ("Mon", "Tue", "Wed", "Thu", "Fri")
    ]
    assert all(draft.ends_at and draft.ends_at.astimezone(ZONE).hour == 5 for draft in drafts)
    later = read(now.replace(day=4), event(schedule=schedule)).drafts
    assert {draft.chain_id for draft in later} < {draft.chain_id for draft in drafts}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"schedule": {"intervals": ["2026-11-03T23:00/2026-11-03T17:00"]}}, "not after"),
        ({"schedule": {"intervals": ["soon"]}}, "intervals"),
        ({"schedule": {"intervals": ["0001-01-01T00:00/0001-02-01T00:00"]}}, "year"),
        ({"timezone": "Mars/Base"}, "timezone"),
        ({"timezone": "../etc"}, "timezone"),
        ({"geography": None}, "geometry"),
        ({"severity": "HUGE"}, "severity"),
        ({"headline": ""}, "headline"),
        ({"created": "2026-11-01T10:00:00"}, "timezone"),
    ],
)
def test_faults_are_said(now: datetime, change: Document, said: str) -> None:
    (rejected,) = read(now, event(**change)).rejected
    assert said in rejected.reason


def test_what_is_no_document_is_refused(now: datetime) -> None:
    with pytest.raises(UnreadableAdvisoriesError):
        open511.parse({"events": {}}, ZONE, now)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12) | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(changes=st.lists(st.dictionaries(st.sampled_from(sorted(event())), ANYTHING, max_size=3), max_size=3))
def test_every_event_is_accounted_for(changes: list[Document]) -> None:
    make: Callable[..., Document] = event
    parsed = read(
        datetime(2026, 11, 3, tzinfo=UTC), *(make(**change) | {"id": f"e{n}"} for n, change in enumerate(changes))
    )
    accounted = {draft.index for draft in parsed.drafts} ^ {rejected.index for rejected in parsed.rejected}
    assert accounted == set(range(len(changes)))
