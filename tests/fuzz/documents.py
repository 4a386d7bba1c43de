"""Documents of advisories, in each format that is read, and what becomes of them."""

import copy
from datetime import UTC, datetime
from functools import cache
from typing import Any

from hypothesis import strategies as st

from shared.alerts.advisories.documents.draft import DocumentFormat, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.importing import prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.reading import Reader
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.fuzz.mutation import changed, damaged, json_bytes
from tests.fuzz.oracle import demand_sound
from tests.fuzz.records import NETWORK, demand_one_line
from tests.fuzz.target import Target
from tests.kit.advisories import CHP, CIFS_JSON, CIFS_XML, DATEX2_V3, LCS_CSV, LCS_JSON, LCS_XML, OPEN511_XML
from tests.kit.networks import LATITUDE, LONGITUDE

NOW = datetime(2026, 11, 3, tzinfo=UTC)
LINE = [[LONGITUDE, LATITUDE], [LONGITUDE + 0.01, LATITUDE]]
RING = [
    [LONGITUDE - 0.1, LATITUDE - 0.1],
    [LONGITUDE + 0.1, LATITUDE - 0.1],
    [LONGITUDE + 0.1, LATITUDE + 0.1],
    [LONGITUDE - 0.1, LATITUDE - 0.1],
]
WZDX: dict[str, Any] = {
    "feed_info": {
        "publisher": "DOT",
        "version": "4.2",
        "update_date": "2026-11-01T00:00:00Z",
        "data_sources": [{"data_source_id": "d", "organization_name": "Caltrans"}],
    },
    "type": "FeatureCollection",
    "features": [
        {
            "id": "zone-1",
            "type": "Feature",
            "properties": {
                "core_details": {
                    "event_type": "work-zone",
                    "data_source_id": "d",
                    "road_names": ["I-10"],
                    "direction": "eastbound",
                    "name": "Paving",
                    "description": "Paving.",
                    "update_date": None,
                },
                "start_date": "2026-11-03T22:00:00-08:00",
                "end_date": "2026-11-04T05:00:00-08:00",
                "is_start_date_verified": True,
                "vehicle_impact": "all-lanes-closed",
                "event_status": "active",
            },
            "geometry": {"type": "LineString", "coordinates": LINE},
        }
    ],
}
OPEN511: dict[str, Any] = {
    "events": [
        {
            "jurisdiction_url": "https://511.example/jurisdiction/la",
            "id": "la/game-1",
            "status": "ACTIVE",
            "headline": "Game at the stadium",
            "event_type": "SPECIAL_EVENT",
            "severity": "MODERATE",
            "created": "2026-11-01T10:00:00-07:00",
            "updated": "2026-11-02T10:00:00-08:00",
            "geography": {"type": "Point", "coordinates": LINE[0]},
            "roads": [{"name": "I-10", "direction": "E", "state": "SOME_LANES_CLOSED"}],
            "schedule": {
                "intervals": ["2026-11-03T17:00/2026-11-03T23:00"],
                "recurring_schedules": [
                    {
                        "start_date": "2026-11-01",
                        "end_date": "2026-12-01",
                        "days": [1, 2],
                        "daily_start_time": "09:00",
                        "daily_end_time": "15:00",
                    }
                ],
                "exceptions": ["2026-11-02 10:00-12:00"],
            },
        }
    ],
    "pagination": {"offset": 0, "next_url": "/events?offset=1"},
    "meta": {"version": "v1"},
}
NWS: dict[str, Any] = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "id": "https://api.weather.gov/alerts/x",
            "geometry": {"type": "Polygon", "coordinates": [RING]},
            "properties": {
                "id": "urn:oid:1",
                "areaDesc": "Coast",
                "sent": "2026-11-03T03:00:00-08:00",
                "effective": "2026-11-03T03:00:00-08:00",
                "onset": "2026-11-03T06:00:00-08:00",
                "expires": "2026-11-03T09:00:00-08:00",
                "ends": "2026-11-03T18:00:00-08:00",
                "status": "Actual",
                "messageType": "Alert",
                "category": "Met",
                "severity": "Severe",
                "certainty": "Likely",
                "urgency": "Expected",
                "event": "High Wind Warning",
                "senderName": "NWS",
                "headline": "Wind",
                "description": "Winds.",
                "references": [{"identifier": "first", "sender": "s", "sent": "2026-11-03T02:00:00-08:00"}],
            },
        }
    ],
}
CAP = f"""<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>urn:oid:9</identifier><sender>nws@noaa.gov</sender><sent>2026-11-03T04:00:00-08:00</sent>
  <status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
  <info><language>en-US</language><category>Met</category><event>Wind Advisory</event><urgency>Expected</urgency>
    <severity>Moderate</severity><certainty>Likely</certainty><onset>2026-11-03T06:00:00-08:00</onset>
    <expires>2026-11-03T18:00:00-08:00</expires><senderName>NWS</senderName><headline>Wind</headline>
    <area><areaDesc>Coast</areaDesc><polygon>{" ".join(f"{y},{x}" for x, y in RING)}</polygon>
    <circle>{LATITUDE},{LONGITUDE} 11.1</circle><geocode><valueName>UGC</valueName><value>CAZ364</value></geocode>
    </area></info></alert>""".encode()
FORMS: dict[DocumentFormat, dict[str, Any]] = {
    DocumentFormat.WZDX: WZDX,
    DocumentFormat.OPEN511: OPEN511,
    DocumentFormat.NWS: NWS,
}


MORE = {
    "open511-xml": OPEN511_XML,
    "datex2": DATEX2_V3,
    "lcs-json": LCS_JSON,
    "lcs-xml": LCS_XML,
    "lcs-csv": LCS_CSV,
    "chp": CHP,
    "cifs-xml": CIFS_XML,
    "cifs-json": CIFS_JSON,
}


@cache
def _matchers() -> tuple[Matcher, ...]:
    """Of a network where our documents are, and of one where those of the kit are."""
    return Matcher(NETWORK), Matcher(load_network(EXAMPLE_NETWORK))


def _read(case: tuple[bytes, str | None]) -> None:
    """A document to records for the log, twice, as a feed that is watched gives it; then withdrawn."""
    data, name = case
    form = None if name is None else DocumentFormat(name)
    try:
        parsed = Reader(NETWORK.time_zone, NOW, form).read(data)
    except UnreadableAdvisoriesError as refused:
        demand_one_line(refused)
        return
    assert {draft.index for draft in parsed.drafts} | {one.index for one in parsed.rejected} == set(
        range(parsed.features)
    ), "a feature is neither read nor rejected"
    for rejected in parsed.rejected:
        demand_one_line(ValueError(rejected.reason))
    matchers = _matchers()
    first = prepare(parsed, matchers, {}, "feed", complete=True)
    for record in first.changes:
        demand_sound(record)
    known = {record.advisory_id: record for record in first.changes}
    again = prepare(parsed, matchers, known, "feed", complete=True)
    assert not again.changes, "the same document again changes something"
    for match in again.unmatched:
        match.title.encode()


@st.composite
def _document(draw: st.DrawFn, form: DocumentFormat) -> tuple[bytes, str | None]:
    told = draw(st.sampled_from((None, form.value)))
    whole = copy.deepcopy(FORMS[form])
    name = "events" if form is DocumentFormat.OPEN511 else "features"
    if draw(st.booleans()):
        # Most faults are in one of many features.
        whole[name] = [draw(changed(whole[name])), *whole[name]][: draw(st.integers(1, 2))]
        return json_bytes(whole), told
    return draw(changed([whole]).map(json_bytes) | damaged([json_bytes(whole)])), told


TARGETS = (
    *(Target(form.value, _document(form), _read) for form in FORMS),
    *(
        Target(name, st.tuples(damaged([text.encode()]), st.sampled_from((None, name.partition("-")[0]))), _read, 30)
        for name, text in MORE.items()
    ),
    Target("cap", st.tuples(damaged([CAP]), st.sampled_from((None, "cap"))), _read),
)
