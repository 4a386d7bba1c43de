"""One small document of every format, after its public schema: all about one place and one time."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

START, END = datetime(2026, 11, 3, 20, tzinfo=UTC), datetime(2026, 11, 4, 4, tzinfo=UTC)

OPEN511_XML = """<?xml version="1.0" encoding="UTF-8"?>
<open511 xmlns:gml="http://www.opengis.net/gml" version="v1">
  <events>
    <event>
      <id>la/game-1</id>
      <link rel="self" href="/events/la/game-1"/>
      <link rel="jurisdiction" href="https://511.example/jurisdiction/la"/>
      <status>ACTIVE</status><event_type>SPECIAL_EVENT</event_type><severity>MODERATE</severity>
      <headline>Game at the stadium</headline><description>Expect queues.</description>
      <created>2026-11-01T10:00:00-07:00</created><updated>2026-11-02T10:00:00-08:00</updated>
      <schedule><intervals><interval>2026-11-03T12:00/2026-11-03T20:00</interval></intervals></schedule>
      <geography><gml:LineString srsName="urn:ogc:def:crs:EPSG::4326">
        <gml:posList>34.0434 -118.4 34.0724 -118.4</gml:posList></gml:LineString></geography>
      <roads><road><name>I-405</name><direction>N</direction><state>SOME_LANES_CLOSED</state></road></roads>
    </event>
  </events>
</open511>"""

DATEX2_V3 = """<?xml version="1.0" encoding="UTF-8"?>
<d2:payload xmlns:d2="http://datex2.eu/schema/3/d2Payload" xmlns:sit="http://datex2.eu/schema/3/situation"
  xmlns:com="http://datex2.eu/schema/3/common" xmlns:loc="http://datex2.eu/schema/3/locationReferencing"
  xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" lang="en" xsi:type="sit:SituationPublication">
  <com:publicationTime>2026-11-03T10:00:00Z</com:publicationTime>
  <com:publicationCreator><com:country>us</com:country><com:nationalIdentifier>D7</com:nationalIdentifier>
  </com:publicationCreator>
  <sit:situation id="S1">
    <sit:overallSeverity>low</sit:overallSeverity>
    <sit:headerInformation><com:informationStatus>real</com:informationStatus></sit:headerInformation>
    <sit:situationRecord id="S1-1" version="2" xsi:type="sit:MaintenanceWorks">
      <sit:situationRecordCreationTime>2026-11-01T10:00:00Z</sit:situationRecordCreationTime>
      <sit:situationRecordVersionTime>2026-11-02T10:00:00Z</sit:situationRecordVersionTime>
      <sit:severity>high</sit:severity>
      <sit:validity><com:validityStatus>definedByValidityTimeSpec</com:validityStatus>
        <com:validityTimeSpecification>
          <com:overallStartTime>2026-11-03T20:00:00Z</com:overallStartTime>
          <com:overallEndTime>2026-11-03T20:00:00-08:00</com:overallEndTime>
        </com:validityTimeSpecification></sit:validity>
      <sit:generalPublicComment><sit:comment><com:values>
        <com:value lang="de">Bauarbeiten.</com:value><com:value lang="en">Paving.</com:value>
      </com:values></sit:comment></sit:generalPublicComment>
      <sit:locationReference xsi:type="loc:LinearLocation">
        <loc:supplementaryPositionalDescription><loc:roadInformation><loc:roadNumber>I-405</loc:roadNumber>
        </loc:roadInformation></loc:supplementaryPositionalDescription>
        <loc:tpegLinearLocation><loc:tpegDirection>northBound</loc:tpegDirection>
          <loc:to><loc:pointCoordinates><loc:latitude>34.0724</loc:latitude><loc:longitude>-118.4</loc:longitude>
            </loc:pointCoordinates></loc:to>
          <loc:from><loc:pointCoordinates><loc:latitude>34.0434</loc:latitude><loc:longitude>-118.4</loc:longitude>
            </loc:pointCoordinates></loc:from></loc:tpegLinearLocation>
      </sit:locationReference>
      <sit:roadMaintenanceType>resurfacingWork</sit:roadMaintenanceType>
    </sit:situationRecord>
  </sit:situation>
</d2:payload>"""

LCS_FIELDS: Mapping[str, object] = {
    "index": "C405A-0001-2026-11-03-12:00:00",
    "recordTimestamp": {"recordDate": "2026-11-02", "recordTime": "02:00:00", "recordEpoch": "1793613600"},
    "location": {
        "travelFlowDirection": "North",
        "begin": {
            "beginDistrict": "7", "beginLocationName": "Exit 3", "beginNearbyPlace": "Los Angeles",
            "beginLongitude": "-118.4", "beginLatitude": "34.0434", "beginRoute": "I-405", "beginPostmile": "3.0",
        },
        "end": {
            "endDistrict": "7", "endLocationName": "Exit 5", "endLongitude": "-118.4", "endLatitude": "34.0724",
            "endRoute": "I-405",
        },
    },
    "closure": {
        "closureID": "C405A", "logNumber": "1",
        "closureTimestamp": {
            "closureStartEpoch": str(int(START.timestamp())), "closureEndEpoch": str(int(END.timestamp())),
            "isClosureEndIndefinite": "false",
        },
        "facility": "Mainline", "typeOfClosure": "Lane", "typeOfWork": "Paving", "estimatedDelay": "10",
        "lanesClosed": "1, 2", "totalExistingLanes": "5",
        "code1097": {"isCode1097": "true"}, "code1098": {"isCode1098": "false"}, "code1022": {"isCode1022": "false"},
    },
}  # fmt: skip
LCS_JSON = json.dumps({"data": [{"lcs": LCS_FIELDS}]})


def leaves(value: Mapping[str, object]) -> dict[str, str]:
    """The closure without what holds its parts, as in CSV."""
    found: dict[str, str] = {}
    for name, inner in value.items():
        found |= leaves(inner) if isinstance(inner, dict) else {name: str(inner)}
    return found


def elements(value: Mapping[str, object]) -> str:
    """The closure as XML."""
    return "".join(
        f"<{name}>{elements(inner) if isinstance(inner, dict) else inner}</{name}>" for name, inner in value.items()
    )


LCS_XML = f'<?xml version="1.0" encoding="ISO-8859-1"?><data><lcs>{elements(LCS_FIELDS)}</lcs></data>'
LCS_CSV = "\n".join((
    ",".join(leaves(LCS_FIELDS)), ",".join(f'"{text}"' for text in leaves(LCS_FIELDS).values()), ""
))  # fmt: skip

CHP = """<?xml version="1.0" ?>
<State><Center ID = "LAHB"><Dispatch ID = "LACC">
  <Log ID = "261103LA0001">
    <LogTime>"Nov  3 2026 12:00PM"</LogTime><LogType>"1183-Trfc Collision-Unkn Inj"</LogType>
    <Location>"I405 N / Exit 4"</Location><LocationDesc>"NB JNO"</LocationDesc><Area>"West LA"</Area>
    <ThomasBrothers>"632"</ThomasBrothers><LATLON>"34057900:118400000"</LATLON>
    <LogDetails><details><DetailTime>"Nov  3 2026 12:10PM"</DetailTime>
      <IncidentDetail>"[1] 2 LANES BLOCKED"</IncidentDetail></details></LogDetails>
  </Log>
</Dispatch></Center></State>"""

CIFS_XML = """<?xml version="1.0" ?>
<incidents><incident id="waze-7">
  <type>ACCIDENT</type><subtype>ACCIDENT_MAJOR</subtype><street>I-405 N</street><direction>ONE_DIRECTION</direction>
  <polyline>34.0434 -118.400000 34.057900 -118.400000 34.0724 -118.400000</polyline>
  <starttime>2026-11-03T12:00:00-08:00</starttime><endtime>2026-11-03T20:00:00-08:00</endtime>
  <updatetime>2026-11-03T12:10:00-08:00</updatetime><description>Two lanes blocked</description>
  <parent_event>none</parent_event>
</incident></incidents>"""
CIFS_JSON = json.dumps({
    "incidents": [
        {
            "incident": {
                "id": "waze-7", "type": "ACCIDENT", "subtype": "ACCIDENT_MAJOR", "street": "I-405 N",
                "direction": "ONE_DIRECTION",
                "polyline": "34.0434 -118.400000 34.057900 -118.400000 34.0724 -118.400000",
                "starttime": "2026-11-03T12:00:00-08:00", "endtime": "2026-11-03T20:00:00-08:00",
                "updatetime": "2026-11-03T12:10:00-08:00", "description": "Two lanes blocked", "parent_event": "none",
            }
        }
    ]
})  # fmt: skip

CAP = """<?xml version="1.0" encoding="UTF-8"?>
<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">
  <identifier>urn:oid:9</identifier><sender>s@noaa.gov</sender><sent>2026-11-03T04:00:00-08:00</sent>
  <status>Actual</status><msgType>Alert</msgType><scope>Public</scope>
  <info><language>en-US</language><category>Met</category><event>Wind Advisory</event><urgency>Expected</urgency>
    <severity>Moderate</severity><certainty>Likely</certainty><onset>2026-11-03T20:00:00Z</onset>
    <expires>2026-11-04T04:00:00Z</expires>
    <area><areaDesc>Coast</areaDesc><geocode><valueName>UGC</valueName><value>CAZ364</value></geocode>
      <geocode><valueName>SAME</valueName><value>006037</value></geocode></area></info>
</alert>"""

ZONES = json.dumps({
    "type": "FeatureCollection",
    "features": [
        {"type": "Feature", "id": "https://api.weather.gov/zones/forecast/CAZ364", "properties": {"id": "CAZ364"},
         "geometry": {"type": "Polygon", "coordinates": [
             [[-118.6, 34.04], [-118.2, 34.04], [-118.2, 34.08], [-118.6, 34.08], [-118.6, 34.04]]]}},
        {"type": "Feature", "properties": {"SAME": "006037"},
         "geometry": {"type": "Polygon", "coordinates": [
             [[-119, 33], [-117, 33], [-117, 35], [-119, 35], [-119, 33]]]}},
    ],
})  # fmt: skip
