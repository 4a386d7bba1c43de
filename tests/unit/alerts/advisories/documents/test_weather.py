"""Weather alerts in both forms: chains of messages, what is not for the public, areas."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.documents.draft import Parsed, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats import cap, nws
from shared.events.records import AdvisoryType, AlertSeverity

Document = dict[str, Any]
RING = [[-118.6, 33.9], [-118.2, 33.9], [-118.2, 34.2], [-118.6, 34.2], [-118.6, 33.9]]


def alert(**changes: object) -> Document:
    properties: Document = {
        "id": "urn:oid:2.49.0.1.840.0.1",
        "areaDesc": "Los Angeles County Beaches",
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
        "sender": "w-nws.webmaster@noaa.gov",
        "senderName": "NWS Los Angeles/Oxnard CA",
        "headline": "High Wind Warning issued November 3",
        "description": "Winds.",
        "instruction": None,
        "references": [],
    }
    geometry = changes.pop("geometry", {"type": "Polygon", "coordinates": [RING]})
    return {
        "type": "Feature",
        "id": "https://api.weather.gov/alerts/x",
        "geometry": geometry,
        "properties": properties | changes,
    }


def read(*features: object) -> Parsed:
    return nws.parse({"type": "FeatureCollection", "features": list(features)})


XML = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>urn:oid:9</identifier><sender>w-nws.webmaster@noaa.gov</sender>
  <sent>2026-11-03T04:00:00-08:00</sent><status>{status}</status><msgType>{kind}</msgType><scope>Public</scope>
  {references}
  <info><language>es-US</language><category>Met</category><event>Viento</event><severity>Minor</severity></info>
  <info><language>en-US</language><category>Met</category><event>Wind Advisory</event><urgency>Expected</urgency>
    <severity>Moderate</severity><certainty>Likely</certainty><onset>2026-11-03T06:00:00-08:00</onset>
    <expires>2026-11-03T18:00:00-08:00</expires><senderName>NWS Los Angeles</senderName>
    <headline>Wind Advisory</headline><description>Gusts.</description>
    <area><areaDesc>Coast</areaDesc>{area}</area></info>
</alert>"""
POLYGON = "<polygon>33.9,-118.6 33.9,-118.2 34.2,-118.2 34.2,-118.6 33.9,-118.6</polygon>"


def xml(status: str = "Actual", kind: str = "Alert", references: str = "", area: str = POLYGON) -> bytes:
    return XML.format(status=status, kind=kind, references=references, area=area).encode()


def test_an_alert_says_what_it_is() -> None:
    (draft,) = read(alert()).drafts
    assert draft.advisory_type is AdvisoryType.WEATHER
    assert draft.severity is AlertSeverity.HIGH
    assert draft.starts_at == datetime(2026, 11, 3, 14, tzinfo=UTC)
    assert draft.ends_at == datetime(2026, 11, 4, 2, tzinfo=UTC)
    assert draft.title.startswith("High Wind Warning: Los Angeles")
    assert draft.source == "NWS Los Angeles/Oxnard CA"


def test_an_update_goes_on_under_the_first_id_and_replaces_what_it_names() -> None:
    references = [
        {"@id": "x", "identifier": "second", "sender": "s", "sent": "2026-11-03T02:00:00-08:00"},
        {"@id": "x", "identifier": "first", "sender": "s", "sent": "2026-11-03T01:00:00-08:00"},
    ]
    (draft,) = read(alert(messageType="Update", references=references)).drafts
    assert draft.chain_id == "first"
    assert draft.supersedes == ("second", "first")


def test_a_cancel_takes_back_without_a_place() -> None:
    references = [{"identifier": "first", "sender": "s", "sent": "2026-11-03T01:00:00-08:00"}]
    (draft,) = read(alert(messageType="Cancel", references=references, geometry=None)).drafts
    assert draft.withdrawn
    assert draft.chain_id == "first"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"geometry": None}, "zones or counties (Los Angeles County Beaches)"),
        ({"status": "Test"}, "Test"),
        ({"messageType": "Cancel"}, "references"),
        ({"messageType": "Ack"}, "Ack"),
        ({"ends": "2026-11-03T05:00:00-08:00"}, "not after"),
        ({"sent": "2026-11-03T05:00:00"}, "sent"),
        ({"severity": "Awful"}, "severity"),
        ({"event": None}, "event"),
        ({"id": None}, "identifier"),
    ],
)
def test_faults_are_said(change: Document, said: str) -> None:
    (rejected,) = read(alert(**change)).rejected
    assert said in rejected.reason


def test_cap_prefers_english_and_reads_polygons_and_circles() -> None:
    (draft,) = cap.parse(xml()).drafts
    assert draft.title == "Wind Advisory: Coast"
    assert draft.severity is AlertSeverity.MEDIUM
    assert draft.geometry is not None
    assert draft.geometry.bounds == pytest.approx((-118.6, 33.9, -118.2, 34.2))
    (round_one,) = cap.parse(xml(area="<circle>34.0,-118.4 11.1195</circle>")).drafts
    assert round_one.geometry is not None
    west, south, east, north = round_one.geometry.bounds
    assert (north - south, east - west) == pytest.approx((0.2, 0.2412), abs=1e-3)


def test_cap_references_cancel() -> None:
    told = "<references>s,first,2026-11-03T01:00:00-08:00 s,second,2026-11-03T02:00:00-08:00</references>"
    (draft,) = cap.parse(xml(kind="Cancel", references=told, area="")).drafts
    assert draft.withdrawn
    assert draft.chain_id == "first"


def test_cap_alerts_in_a_wrapper_are_read_one_by_one() -> None:
    inner = [xml().split(b"?>", 1)[1], xml(status="Test").split(b"?>", 1)[1].replace(b"oid:9", b"oid:8")]
    parsed = cap.parse(b"<feed><entry>" + b"</entry><entry>".join(inner) + b"</entry></feed>")
    assert [draft.index for draft in parsed.drafts] == [0]
    assert [(rejected.index, rejected.publisher_id) for rejected in parsed.rejected] == [(1, "urn:oid:8")]


@pytest.mark.parametrize(
    ("area", "said"),
    [
        ("", "polygon is needed"),
        ("<geocode><valueName>UGC</valueName><value>CAZ364</value></geocode>", "polygon is needed"),
        ("<polygon>33.9,-118.6 33.9,-118.2</polygon>", "four positions"),
        ("<polygon>95,-118.6 33.9,-118.2 34.2,-118.2 95,-118.6</polygon>", "off the globe"),
        ("<polygon>a,b c,d e,f a,b</polygon>", "no latitude,longitude"),
        ("<circle>34.0,-118.4</circle>", "circle"),
        ("<circle>34.0,-118.4 1e9</circle>", "radius"),
        ("<circle>34.0,-118.4 nan</circle>", "radius"),
    ],
)
def test_cap_areas_that_cannot_be_used(area: str, said: str) -> None:
    (rejected,) = cap.parse(xml(area=area)).rejected
    assert said in rejected.reason
    assert rejected.publisher_id == "urn:oid:9"


def test_xml_that_attacks_is_refused() -> None:
    bomb = b'<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;">]><alert>&c;</alert>'
    with pytest.raises(UnreadableAdvisoriesError):
        cap.parse(bomb)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None)
@given(
    changes=st.lists(
        st.dictionaries(st.sampled_from([*sorted(alert()["properties"]), "geometry"]), ANYTHING, max_size=3) | ANYTHING,
        max_size=3,
    )
)
def test_every_alert_is_accounted_for(changes: list[Any]) -> None:
    known = {*alert()["properties"], "geometry"}
    features = [alert(**each) if isinstance(each, dict) and set(each) <= known else each for each in changes]
    parsed = read(*features)
    accounted = sorted([draft.index for draft in parsed.drafts] + [rejected.index for rejected in parsed.rejected])
    assert accounted == list(range(len(changes)))


@settings(max_examples=150, deadline=None)
@given(
    where=st.integers(0, len(xml())), removed=st.integers(0, 60), put=st.text(max_size=20), text=st.text(max_size=30)
)
def test_cap_is_read_or_refused_whatever_it_is(where: int, removed: int, put: str, text: str) -> None:
    whole = xml(area=f"<polygon>{text.replace('<', '').replace('&', '')}</polygon>" if len(text) % 2 else POLYGON)
    for data in (whole[:where] + put.encode() + whole[where + removed :], whole):
        try:
            parsed = cap.parse(data)
        except UnreadableAdvisoriesError:
            continue
        assert len(parsed.drafts) + len(parsed.rejected) == parsed.features
