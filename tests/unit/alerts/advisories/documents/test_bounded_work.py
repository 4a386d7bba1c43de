"""No document costs more than a moment, whatever it has a hundred thousand of."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from shared.alerts.advisories.documents.draft import Parsed, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.reading import MAX_FEATURES
from shared.alerts.advisories.documents.reading import Reader

MANY = 100_000
MOMENT_S = 10.0
ATTRIBUTES = " ".join(f"a{number}=''" for number in range(2 * MANY))
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
READER = Reader(ZoneInfo("UTC"), NOW)
SENT = "2026-11-03T12:00:00-00:00"


def cap(inside: str = "", area: str = "") -> str:
    return (
        f"<alert><identifier>a</identifier><sender>s</sender><sent>{SENT}</sent><status>Actual</status>"
        f"<msgType>Alert</msgType>{inside}<info><event>Fog</event><severity>Minor</severity>"
        f"<area><areaDesc>x</areaDesc>{area}</area></info></alert>"
    )


def open511(**members: object) -> str:
    event = {
        "id": "a/1", "status": "ACTIVE", "headline": "x", "event_type": "CONSTRUCTION", "severity": "MINOR",
        "geography": {"type": "Point", "coordinates": [-118.4, 34.0]},
    }  # fmt: skip
    return json.dumps({"events": [event | members]})


@pytest.mark.parametrize(
    ("document", "why"),
    [
        (f"<data>{'<lcs/>' * 3 * MANY}</data>", "300,000 features, more than 20,000"),
        (json.dumps({"data": [{"lcs": {}}] * MANY}), "100,000 features"),
        (json.dumps({"events": [{}] * MANY}), "100,000 features"),
        (json.dumps({"feed_info": {}, "type": "FeatureCollection", "features": [{}] * MANY}), "100,000 features"),
        (f"<alerts>{'<alert/>' * MANY}</alerts>", "100,000 features"),
        (cap(area="<circle>34,-118 5</circle>" * MANY), "more than 20000 positions"),
        (cap(inside=f"<references>{f's,i,{SENT} ' * MANY}</references>"), "references: more than 1,000"),
        (f"<alert {ATTRIBUTES}/>", "a tag has more than 65,536 bytes"),
        (open511(roads=[{"name": "I-5"}] * MANY), "roads: "),
        (open511(schedule={"intervals": ["2026-11-03T10:00/"] * MANY}), "schedule.intervals: "),
    ],
)  # fmt: skip
def test_too_much_is_refused_in_a_moment_with_its_reason(document: str, why: str) -> None:
    begun = process_time()
    try:
        parsed = READER.read(document.encode())
    except UnreadableAdvisoriesError as unreadable:
        said = str(unreadable)
    else:
        assert not parsed.drafts
        said = " ".join(each.reason for each in parsed.rejected)
    assert why in said
    assert process_time() - begun < MOMENT_S


def test_as_many_features_as_are_allowed_take_a_moment() -> None:
    begun = process_time()
    parsed = READER.read(f"<data>{'<lcs/>' * MAX_FEATURES}</data>".encode())
    assert len(parsed.rejected) == MAX_FEATURES
    assert process_time() - begun < MOMENT_S


def test_who_waits_has_the_last_word(make_feed: Callable[..., Any], make_work_zone: Callable[..., Any]) -> None:
    asked = 0

    def patience() -> None:
        nonlocal asked
        asked += 1
        if asked > 2:
            raise UnreadableAdvisoriesError("too slow")

    data = json.dumps(make_feed([make_work_zone(number) for number in range(4)])).encode()
    read: Callable[..., Parsed] = Reader(ZoneInfo("UTC"), NOW, patience=patience).read
    with pytest.raises(UnreadableAdvisoriesError, match="too slow"):
        read(data)
    assert asked == 3
    assert READER.read(data).features == 4
