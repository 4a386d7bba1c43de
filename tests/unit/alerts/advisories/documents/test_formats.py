"""Every further format: what its documents mean, what is refused, and that no bytes whatever raise anything else."""

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.documents.draft import DocumentFormat, Draft, Parsed, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.xml import MAX_DEPTH
from shared.alerts.advisories.documents.formats.zones import NO_ZONES, ZoneTable
from shared.alerts.advisories.documents.importing import prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.reading import Reader
from shared.events.records import AdvisoryType, AlertSeverity
from shared.traffic.network import Network
from tests.kit.advisories import (
    CAP,
    CHP,
    CIFS_JSON,
    CIFS_XML,
    DATEX2_V3,
    END,
    LCS_CSV,
    LCS_JSON,
    LCS_XML,
    OPEN511_XML,
    START,
    ZONES,
)

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
TABLE = ZoneTable.read(ZONES.encode())
SAMPLES = {
    "open511": OPEN511_XML,
    "datex2": DATEX2_V3,
    "lcs json": LCS_JSON,
    "lcs xml": LCS_XML,
    "lcs csv": LCS_CSV,
    "chp": CHP,
    "cifs xml": CIFS_XML,
    "cifs json": CIFS_JSON,
    "cap": CAP,
}


def read(document: str | bytes, zones: ZoneTable = TABLE, form: DocumentFormat | None = None) -> Parsed:
    data = document.encode() if isinstance(document, str) else document
    return Reader(LOS_ANGELES, NOW, form, zones).read(data)


def only(document: str, zones: ZoneTable = TABLE) -> Draft:
    parsed = read(document, zones)
    assert parsed.rejected == ()
    (draft,) = parsed.drafts
    return draft


def reason(document: str, zones: ZoneTable = TABLE) -> str:
    parsed = read(document, zones)
    assert parsed.drafts == ()
    (rejected,) = parsed.rejected
    return rejected.reason


@pytest.mark.parametrize("name", SAMPLES)
def test_each_is_recognised_and_touches_the_sensors_there(name: str, network: Network) -> None:
    draft = only(SAMPLES[name])
    assert read(SAMPLES[name]).format == name.partition(" ")[0]
    assert draft.starts_at == START
    assert draft.ends_at == (None if name == "chp" else END)
    touched = Matcher(network).match(draft)
    if name == "cap":
        assert {"N3", "N4", "N5", "S4"} <= set(touched)
        assert "N9" not in touched
    else:
        assert "N4" in touched
        assert set(touched) <= {"N3", "N4", "N5"}


@pytest.mark.parametrize("name", SAMPLES)
def test_each_is_read_with_its_format_told_and_with_no_other(name: str) -> None:
    own = DocumentFormat(name.partition(" ")[0])
    assert read(SAMPLES[name], form=own) == read(SAMPLES[name])
    for other in DocumentFormat:
        if other is not own:
            with pytest.raises(UnreadableAdvisoriesError):
                read(SAMPLES[name], form=other)


@pytest.mark.parametrize(
    ("name", "unread"),
    [
        ("open511", ("url", "roads.state")),
        ("datex2", ("roadMaintenanceType",)),
        ("lcs json", ("beginPostmile", "endDistrict", "endRoute", "isCode1097")),
        ("lcs xml", ("beginPostmile", "endDistrict", "endRoute", "isCode1097")),
        ("lcs csv", ("beginPostmile", "endDistrict", "endRoute", "isCode1097")),
        ("chp", ("ThomasBrothers",)),
        ("cifs xml", ("parent_event",)),
        ("cifs json", ("parent_event",)),
        ("cap", ("scope", "info.urgency", "info.certainty")),
    ],
)
def test_what_is_left_unread_is_named(name: str, unread: tuple[str, ...]) -> None:
    (left,) = read(SAMPLES[name]).unread
    assert left.index == 0
    assert left.fields == unread


def test_three_forms_of_a_closure_are_one_closure() -> None:
    first, *others = (only(SAMPLES[name]) for name in ("lcs json", "lcs xml", "lcs csv"))
    assert others == [first, first]
    assert first.title == "Lane closure, lanes 1, 2 of 5, Paving"
    assert (first.severity, first.source) == (AlertSeverity.MEDIUM, "Caltrans District 7")
    assert first.updated_at == datetime(2026, 11, 2, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"Lane"', '"Full"', AlertSeverity.HIGH),
        ('"Mainline"', '"On Ramp"', AlertSeverity.LOW),
        ('"1, 2"', '"RShoulder"', AlertSeverity.LOW),
    ],
)
def test_how_grave_a_closure_is(old: str, new: str, expected: AlertSeverity) -> None:
    assert only(LCS_JSON.replace(old, new)).severity is expected


def test_a_closure_may_be_over_or_without_an_end() -> None:
    assert only(LCS_JSON.replace('"isCode1098": "false"', '"isCode1098": "true"')).withdrawn
    assert only(LCS_JSON.replace('"isCode1022": "false"', '"isCode1022": "True"')).withdrawn
    endless = LCS_JSON.replace('"isClosureEndIndefinite": "false"', '"isClosureEndIndefinite": "true"')
    assert only(endless.replace(str(int(END.timestamp())), "32503708740")).ends_at is None


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"34.0434"', '"134.0434"', "is no place"),
        ('"34.0434"', '"nan"', "beginLatitude"),
        ('"34.0434"', '""', "beginLatitude"),
        (str(int(START.timestamp())), "1e300", "no time"),
        (str(int(END.timestamp())), "1", "not after the start"),
        ('"C405A-0001-2026-11-03-12:00:00"', '""', "index"),
        ('"I-405", "beginPostmile"', '"", "beginPostmile"', "beginRoute"),
        ('"isCode1098": "false"', '"isCode1098": "perhaps"', "isCode1098"),
    ],
)
def test_faults_of_closures(old: str, new: str, said: str) -> None:
    assert old in LCS_JSON
    assert said in reason(LCS_JSON.replace(old, new, 1))


def test_a_row_of_a_table_that_was_cut_has_no_id() -> None:
    whole = LCS_CSV.rstrip()
    cut = whole.splitlines()[1].replace("C405A", "C999B").replace('"', "")[:20]
    parsed = read(f"{whole}\n{cut}")
    assert len(parsed.drafts) == 1
    assert [rejected.publisher_id for rejected in parsed.rejected] == [None]
    assert parsed.partial == "1 of its features have no id that can be read"


def test_both_forms_of_an_accident_are_one_accident() -> None:
    draft = only(CIFS_XML)
    assert only(CIFS_JSON) == draft
    assert (draft.title, draft.advisory_type, draft.severity) == (
        "Two lanes blocked",
        AdvisoryType.EVENT,
        AlertSeverity.HIGH,
    )
    assert draft.updated_at == datetime(2026, 11, 3, 20, 10, tzinfo=UTC)
    assert read("<incidents></incidents>").features == 0


@pytest.mark.parametrize(
    ("kind", "subtype", "expected"),
    [
        ("ACCIDENT", "ACCIDENT_MINOR", (AdvisoryType.EVENT, AlertSeverity.MEDIUM)),
        ("ROAD_CLOSED", "", (AdvisoryType.CONSTRUCTION, AlertSeverity.HIGH)),
        ("ROAD_CLOSED", "ROAD_CLOSED_EVENT", (AdvisoryType.EVENT, AlertSeverity.HIGH)),
        ("HAZARD", "HAZARD_ON_ROAD_CONSTRUCTION", (AdvisoryType.CONSTRUCTION, AlertSeverity.LOW)),
        ("HAZARD", "HAZARD_WEATHER_FOG", (AdvisoryType.WEATHER, AlertSeverity.LOW)),
    ],
)
def test_what_a_type_of_cifs_becomes(kind: str, subtype: str, expected: tuple[AdvisoryType, AlertSeverity]) -> None:
    draft = only(CIFS_XML.replace("ACCIDENT_MAJOR", subtype).replace(">ACCIDENT<", f">{kind}<"))
    assert (draft.advisory_type, draft.severity) == expected


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (">ACCIDENT<", ">JAM<", "type: JAM is for detectors"),
        ("<description>", "<schedule><monday>09:00-11:00</monday></schedule><description>", "schedule"),
        ("34.0434 -118.400000", "34.0434", "polyline"),
        ("34.0434 -118", "134.0434 -118", "polyline"),
        ("34.0434 -118", "x -118", "could not convert"),
        ('id="waze-7"', "", "id: "),
        ("20:00:00-08:00", "11:00:00-08:00", "endtime"),
        ("12:00:00-08:00", "12:00:00", "starttime"),
    ],
)
def test_what_of_cifs_is_rejected(old: str, new: str, why: str) -> None:
    assert why in reason(CIFS_XML.replace(old, new))


def test_both_directions_touch_both_carriageways(network: Network) -> None:
    both = CIFS_XML.replace("ONE_DIRECTION", "BOTH_DIRECTIONS").replace("I-405 N", "I-405")
    touched = set(Matcher(network).match(only(both)))
    assert {"N4", "S4"} <= touched
    one = set(Matcher(network).match(only(CIFS_XML.replace("I-405 N", "I-405"))))
    assert "N4" in one
    assert "S4" not in one


def test_an_incident_of_chp() -> None:
    draft = only(CHP)
    assert draft.title == "Trfc Collision-Unkn Inj: I405 N / Exit 4"
    assert (draft.advisory_type, draft.severity) == (AdvisoryType.EVENT, AlertSeverity.MEDIUM)
    assert "2 LANES BLOCKED" in draft.description
    assert draft.updated_at == datetime(2026, 11, 3, 20, 10, tzinfo=UTC)
    weather = only(CHP.replace("1183-Trfc Collision-Unkn Inj", "FOG-Foggy Conditions"))
    assert (weather.advisory_type, weather.severity) == (AdvisoryType.WEATHER, AlertSeverity.LOW)
    assert only(CHP.replace("1183-Trfc Collision-Unkn Inj", "1144-Fatality")).severity is AlertSeverity.HIGH
    assert read("<State></State>").features == 0


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("34057900:118400000", "0:0", "no place"),
        ("34057900:118400000", "-1:5", "no place"),
        ("Nov  3 2026 12:00PM", "yesterday", "is not like"),
        ("Nov  3 2026 12:00PM", "Jan  1 0001 12:00AM", "is not like"),
        ("1183-Trfc Collision-Unkn Inj", "", "LogType"),
        ('Log ID = "261103LA0001"', "Log", "ID"),
    ],
)
def test_faults_of_chp(old: str, new: str, said: str) -> None:
    assert said in reason(CHP.replace(old, new))


def test_a_situation_of_datex() -> None:
    draft = only(DATEX2_V3)
    assert (draft.advisory_type, draft.severity) == (AdvisoryType.CONSTRUCTION, AlertSeverity.HIGH)
    assert (draft.title, draft.description, draft.source) == ("Maintenance works, I 405", "Paving.", "D7")
    assert draft.publisher_id == "S1-1"
    assert draft.roads[0].direction == "N"
    assert only(DATEX2_V3.replace("definedByValidityTimeSpec", "suspended")).withdrawn
    version_2 = DATEX2_V3.replace("sit:locationReference", "sit:groupOfLocations").replace("schema/3", "schema/2")
    assert only(version_2) == draft


def test_a_situation_in_gml_and_in_several_periods() -> None:
    listed = "<loc:gmlLineString><loc:posList>34.0434 -118.4 34.0724 -118.4</loc:posList></loc:gmlLineString>"
    begin, end = DATEX2_V3.index("<loc:tpegLinearLocation>"), DATEX2_V3.index("</sit:locationReference>")
    draft = only(DATEX2_V3[:begin] + listed + DATEX2_V3[end:])
    assert draft.geometry is not None
    assert draft.geometry.geom_type == "LineString"
    assert draft.geometry.bounds == pytest.approx((-118.4, 34.0434, -118.4, 34.0724))
    periods = "".join(
        f"<com:validPeriod><com:startOfPeriod>2026-11-0{day}T20:00:00Z</com:startOfPeriod>"
        f"<com:endOfPeriod>2026-11-0{day}T23:00:00Z</com:endOfPeriod></com:validPeriod>"
        for day in (3, 4)
    )
    parsed = read(DATEX2_V3.replace("</com:validityTimeSpecification>", f"{periods}</com:validityTimeSpecification>"))
    assert [(draft.starts_at.day, draft.chain_id) for draft in parsed.drafts] == [
        (3, "S1-1@20261103T2000Z"),
        (4, "S1-1@20261104T2000Z"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("sit:MaintenanceWorks", "sit:Accident", "'Accident' comes as no advisory"),
        (">real<", ">test<", "informationStatus"),
        (">high<", ">dreadful<", "severity"),
        (">34.0724<", ">134<", "off the globe"),
        (">34.0724<", ">north<", "no number"),
        ("2026-11-03T20:00:00Z</com:overallStartTime>", "2026-11-03T20:00:00</com:overallStartTime>", "validity"),
        ("2026-11-03T20:00:00Z</com:overallStartTime>", "</com:overallStartTime>", "no overallStartTime"),
        ("2026-11-03T20:00:00-08:00", "2026-11-02T20:00:00-08:00", "not after the start"),
        ('id="S1-1"', "", "id"),
        ("atitude>", "ltitude>", "no coordinates"),
        ("sit:locationReference", "sit:elsewhere", "locationReference"),
    ],
)
def test_faults_of_datex(old: str, new: str, said: str) -> None:
    assert old in DATEX2_V3
    assert said in reason(DATEX2_V3.replace(old, new))


def test_measurements_are_no_situations() -> None:
    data = DATEX2_V3.replace("sit:SituationPublication", "roa:MeasuredDataPublication").replace("situation id", "x id")
    with pytest.raises(UnreadableAdvisoriesError, match="only MeasuredDataPublication"):
        read(data.replace("</sit:situation>", "</sit:x>"))


def test_an_event_of_open511_is_the_same_in_xml() -> None:
    draft = only(OPEN511_XML)
    assert (draft.title, draft.severity) == ("Game at the stadium", AlertSeverity.MEDIUM)
    assert draft.scope == "https://511.example/jurisdiction/la"
    assert draft.geometry is not None
    assert draft.geometry.bounds == pytest.approx((-118.4, 34.0434, -118.4, 34.0724))
    assert only(OPEN511_XML.replace(">ACTIVE<", ">ARCHIVED<")).withdrawn
    night = (
        "<schedule><recurring_schedules><recurring_schedule><start_date>2026-11-01</start_date>"
        "<daily_start_time>21:00</daily_start_time><daily_end_time>05:00</daily_end_time><days>1,2</days>"
        "</recurring_schedule></recurring_schedules></schedule>"
    )
    begin, end = OPEN511_XML.index("<schedule>"), OPEN511_XML.index("</schedule>") + len("</schedule>")
    nights = read(OPEN511_XML[:begin] + night + OPEN511_XML[end:]).drafts
    assert [each.starts_at.astimezone(LOS_ANGELES).strftime("%a %H") for each in nights] == [
        "Mon 21", "Tue 21", "Mon 21", "Tue 21",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("34.0434 -118.4 34.0724 -118.4", "34.0434 -118.4 34.0724", "3 numbers"),
        ("34.0434 -118.4 34.0724 -118.4", "-118.4 34.0434 -118.4 34.0724", "off the globe"),
        ("34.0434 -118.4 34.0724 -118.4", "", "geometry"),
        (">SPECIAL_EVENT<", ">INCIDENT<", "INCIDENT"),
        ("<id>la/game-1</id>", "<id/>", "id"),
    ],
)
def test_faults_of_open511_in_xml(old: str, new: str, said: str) -> None:
    assert said in reason(OPEN511_XML.replace(old, new))


def test_zones_are_looked_up_the_finest_first() -> None:
    draft = only(CAP)
    assert draft.geometry is not None
    assert draft.geometry.bounds == pytest.approx((-118.6, 34.04, -118.2, 34.08))
    county = only(CAP.replace("CAZ364", "CAZ999"))
    assert county.geometry is not None
    assert county.geometry.bounds == pytest.approx((-119, 33, -117, 35))
    (left,) = read(CAP.replace("CAZ364", "CAZ999")).unread
    assert "info.area.geocode UGC CAZ999" in left.fields
    assert "zone table" in reason(CAP, NO_ZONES)
    assert "zone table" in reason(CAP.replace("CAZ364", "CAZ999").replace("006037", "1"))


def test_zones_of_api_weather_gov() -> None:
    document = """{"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": null, "properties": {
        "id": "u:1", "sent": "2026-11-03T03:00:00-08:00", "status": "Actual", "messageType": "Alert",
        "event": "Wind Advisory", "onset": "2026-11-03T20:00:00Z", "ends": "2026-11-04T04:00:00Z",
        "certainty": "Likely",
        "geocode": {"SAME": ["006037"], "UGC": ["CAZ364", "CAZ365"]},
        "affectedZones": ["https://api.weather.gov/zones/forecast/CAZ364"]}}]}"""
    draft = only(document)
    assert draft.geometry is not None
    assert draft.geometry.bounds == pytest.approx((-118.6, 34.04, -118.2, 34.08))
    (left,) = read(document).unread
    assert left.fields == ("certainty", "geocode UGC CAZ365")
    assert "zone table" in reason(document, NO_ZONES)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("[]", "FeatureCollection"),
        ("{", "no JSON"),
        ('{"features": [5]}', "feature 0"),
        ('{"features": [{"geometry": null, "id": "a"}]}', "feature 0: geometry"),
        ('{"features": [{"geometry": null, "properties": {"name": "a"}}]}', "no code"),
        ('{"features": [{"geometry": {"type": "Point", "coordinates": [1, 2]}, "id": "a"}]}', "geometry.type"),
    ],
)
def test_what_is_no_zone_table(table: str, said: str) -> None:
    with pytest.raises(UnreadableAdvisoriesError, match=said):
        ZoneTable.read(table.encode())


def camel(value: Any) -> Any:  # noqa: ANN401 - a value of JSON
    if isinstance(value, list):
        return [camel(each) for each in value]
    if not isinstance(value, dict):
        return value
    words = {name: name.split("_") for name in value}
    return {first + "".join(map(str.capitalize, rest)): camel(value[name]) for name, (first, *rest) in words.items()}


@pytest.mark.parametrize("version", ["CWZ 1.0", "1.0", "4", "4.0", "4.1", "4.2", "4.2.1"])
@pytest.mark.parametrize("renamed", [dict, camel])
def test_connected_work_zones_are_work_zones(
    make_work_zone: Callable[..., Any], make_feed: Callable[..., Any], version: str, renamed: Callable[[Any], Any]
) -> None:
    plain = make_feed([make_work_zone(1)], version=version)
    parsed = read(json.dumps(renamed(plain)))
    assert parsed.format is DocumentFormat.WZDX
    assert parsed.drafts == read(json.dumps(plain)).drafts
    assert len(parsed.drafts) == 1


@pytest.mark.parametrize("version", ["3.1", "5.0", "CWZ 2.0", "four", "10.0"])
def test_other_versions_are_refused(make_feed: Callable[..., Any], version: str) -> None:
    with pytest.raises(UnreadableAdvisoriesError, match="is not read"):
        read(json.dumps(make_feed([], version=version)))


BOMB = '<!DOCTYPE a [<!ENTITY b "boom"><!ENTITY c "&b;&b;">]>'


@pytest.mark.parametrize(
    "document",
    [
        f"{BOMB}<State>&c;</State>",
        f"{BOMB}<data><lcs>&c;</lcs></data>",
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><State>&x;</State>',
        "<State>" + "<Center>" * 200_000,
        "<State>" + "<a>" * MAX_DEPTH + "</a>" * MAX_DEPTH + "</State>",
        "<State>" + "<a/>" * 3_000_001 + "</State>",
        '<?xml version="1.0" encoding="no-such"?><State/>',
        '<?xml version="1.0" encoding="utf-7"?><State/>',
        "<State",
        "<html><body>Not found</body></html>",
        "[" * 200_000,
        '{"data": [' + "{" * 200_000,
        "index,closureStartEpoch\n\0,1\n" + '"',
    ],
    ids=lambda document: document[:30],
)
def test_attacks_are_refused_in_one_line(document: str) -> None:
    with pytest.raises(UnreadableAdvisoriesError) as refused:
        read(document)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 400


def test_xml_in_utf_16_is_read() -> None:
    assert read(CHP.replace("?>", ' encoding="UTF-16"?>', 1).encode("utf-16")).drafts == read(CHP).drafts


def accounted(parsed: Parsed, network: Network) -> None:
    """Every feature is a draft or a reason, and the log takes what comes of it."""
    indices = {draft.index for draft in parsed.drafts} | {rejected.index for rejected in parsed.rejected}
    assert indices == set(range(parsed.features))
    assert all(rejected.reason and "\n" not in rejected.reason for rejected in parsed.rejected)
    prepare(parsed, [Matcher(network)], {}, "feed", complete=True)


@settings(max_examples=300, deadline=None)
@given(
    name=st.sampled_from(sorted(SAMPLES)),
    cuts=st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 40), st.binary(max_size=12)), min_size=1, max_size=4),
)
def test_mangled_bytes_are_read_or_refused(name: str, cuts: list[tuple[int, int, bytes]], network: Network) -> None:
    data = SAMPLES[name].encode()
    for where, removed, put in cuts:
        place = where % (len(data) + 1)
        data = data[:place] + put + data[place + removed :]
    try:
        parsed = read(data)
    except UnreadableAdvisoriesError:
        return
    accounted(parsed, network)


TEXTS = st.text(max_size=12) | st.sampled_from(["", "nan", "1e999", "-1", "true", "9" * 400, "2026-11-03T20:00:00Z"])


@settings(max_examples=300, deadline=None)
@given(name=st.sampled_from(sorted(SAMPLES)), number=st.integers(0, 200), text=TEXTS)
def test_any_value_at_any_place_is_read_or_refused(name: str, number: int, text: str, network: Network) -> None:
    document = SAMPLES[name]
    said = list(re.finditer(r'(?<=>)[^<>\n]+(?=<)|(?<=")[^"\n]*(?=")', document))
    found = said[number % len(said)]
    safe = text.replace("<", "").replace("&", "").replace('"', "")
    try:
        parsed = read(document[: found.start()] + safe + document[found.end() :])
    except UnreadableAdvisoriesError:
        return
    accounted(parsed, network)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for document in (data, b"<" + data, b"{" + data, b"index,closureStartEpoch\n" + data):
        try:
            read(document)
        except UnreadableAdvisoriesError as refused:
            assert "\n" not in str(refused)  # noqa: PT017 - both are right
