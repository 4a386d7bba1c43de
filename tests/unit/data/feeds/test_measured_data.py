"""Measured data of DATEX II as readings: units, lanes and classes, what is left out, and no document that breaks it."""

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrla.data.feeds.measured_data import MeasuredCounts, MeasuredData, extent
from shared.events.errors import ConfigurationError
from shared.events.records import TrafficEvent
from shared.traffic.network import Network
from tests.kit.networks import along, network_of

AT = datetime(2026, 11, 3, 20, tzinfo=UTC)
NETWORK = network_of(*along("I-405 N", ["RWS-1", "RWS-2", "μ/3"]))


def speed(kmh: object, index: int = 1, used: object = "") -> str:
    told = f' numberOfInputValuesUsed="{used}"' if used != "" else ""
    return (
        f'<measuredValue index="{index}"><measuredValue><basicData xsi:type="TrafficSpeed">'
        f"<averageVehicleSpeed{told}><speed>{kmh}</speed></averageVehicleSpeed></basicData></measuredValue></measuredValue>"
    )


def flow(per_hour: object, index: int = 2) -> str:
    return (
        f'<measuredValue index="{index}"><measuredValue><basicData xsi:type="TrafficFlow"><vehicleFlow>'
        f"<vehicleFlowRate>{per_hour}</vehicleFlowRate></vehicleFlow></basicData></measuredValue></measuredValue>"
    )


def site(name: str, *values: str, time: str = "2026-11-03T21:00:00+01:00") -> str:
    return (
        f'<siteMeasurements><measurementSiteReference id="{name}" version="1" targetClass="MeasurementSiteRecord"/>'
        f"<measurementTimeDefault>{time}</measurementTimeDefault>{''.join(values)}</siteMeasurements>"
    )


def document(*inside: str) -> bytes:
    return (
        '<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
        f'<payloadPublication xsi:type="MeasuredDataPublication">{"".join(inside)}</payloadPublication>'
        "</d2LogicalModel>"
    ).encode()


def characteristics(index: int, vehicles: str = "anyVehicle", period: int = 60) -> str:
    return (
        f'<measurementSpecificCharacteristics index="{index}"><measurementSpecificCharacteristics>'
        f"<period>{period}</period><specificLane>lane1</specificLane><specificVehicleCharacteristics>"
        f"<vehicleType>{vehicles}</vehicleType></specificVehicleCharacteristics>"
        "</measurementSpecificCharacteristics></measurementSpecificCharacteristics>"
    )


def table(name: str, *told: str) -> bytes:
    record = f'<measurementSiteRecord id="{name}">{"".join(told)}</measurementSiteRecord>'
    return document(f'<measurementSiteTable id="t">{record}</measurementSiteTable>')


def read(*documents: bytes, network: Network = NETWORK) -> tuple[list[TrafficEvent], MeasuredCounts]:
    measured = MeasuredData(documents, network)
    return [event for delivery in measured.deliveries() for event in delivery.events], measured.counts


def test_a_site_is_a_reading_in_our_units() -> None:
    occupied = (
        '<measuredValue index="3"><measuredValue><basicData xsi:type="TrafficConcentration"><occupancy>'
        "<percentage>7</percentage></occupancy></basicData></measuredValue></measuredValue>"
    )
    (event,), counts = read(document(site("RWS-1", speed(100), flow(3000), occupied)))
    assert (event.sensor_id, event.timestamp, event.event_id) == ("RWS-1", AT, "RWS-1@2026-11-03T20:00:00Z")
    assert event.speed_mph == pytest.approx(62.137, abs=1e-3)
    assert event.volume_vehicles == pytest.approx(250.0), "in the five minutes of the network's readings"
    assert event.occupancy == pytest.approx(0.07)
    assert counts == MeasuredCounts(read=1)


def test_version_3_says_the_same_in_other_words() -> None:
    data = (
        '<p:payload xmlns:p="http://datex2.eu/schema/3/d2Payload" xmlns:roa="r" xmlns:com="c" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="roa:MeasuredDataPublication">'
        '<roa:siteMeasurements><roa:measurementSiteReference id="μ/3"/><roa:measurementTimeDefault>'
        "<com:timeValue>2026-11-03T20:00:00Z</com:timeValue></roa:measurementTimeDefault>"
        '<roa:physicalQuantity index="1" xsi:type="roa:SinglePhysicalQuantity">'
        '<roa:basicData xsi:type="roa:TrafficSpeed">'
        "<roa:averageVehicleSpeed><com:speed>50</com:speed></roa:averageVehicleSpeed></roa:basicData>"
        "</roa:physicalQuantity></roa:siteMeasurements></p:payload>"
    )
    (event,), _ = read(data.encode())
    assert (event.sensor_id, event.timestamp) == ("μ/3", AT)
    assert event.speed_mph == pytest.approx(31.069, abs=1e-3)


def test_lanes_are_added_up_and_classes_left_out_by_the_table() -> None:
    measured = document(site("RWS-1", flow(600, 1), flow(1200, 2), flow(300, 3), speed(100, 4), speed(60, 5)))
    told = table(
        "RWS-1",
        *(characteristics(index) for index in (1, 2, 4)),
        *(characteristics(index, "lorry") for index in (3, 5)),
    )
    (event,), counts = read(measured, told)
    assert event.volume_vehicles == pytest.approx(30.0), "1,800 an hour are 30 a minute"
    assert event.speed_mph == pytest.approx(62.137, abs=1e-3)
    assert counts.unclear == 0
    (without,), counts = read(measured)
    assert (without.volume_vehicles, counts.unclear) == (None, 1)


def test_speeds_count_by_their_vehicles() -> None:
    (event,), _ = read(document(site("RWS-1", speed(100, 1, used=3), speed(20, 2, used=1), speed(500, 3, used=0))))
    assert event.speed_mph == pytest.approx(80 * 0.621371, abs=1e-3)


def test_what_was_not_measured_is_missing_and_not_zero() -> None:
    error = speed(0).replace("<speed>", "<dataError>true</dataError><speed>")
    (event, zero), counts = read(document(site("RWS-1", speed(-1), error), site("RWS-2", flow(0))))
    assert (event.speed_mph, event.volume_vehicles) == (None, None)
    assert zero.volume_vehicles == 0.0
    assert counts.missing == 1


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        (site("elsewhere", speed(50)), MeasuredCounts(read=1, unknown_sensor=1)),
        (site("RWS-1", speed("fast")), MeasuredCounts(read=1, faulty=1)),
        (site("RWS-1", speed(50), time="2026-11-03T21:00:00"), MeasuredCounts(read=1, faulty=1)),
        (site("RWS-1", speed(50), time=""), MeasuredCounts(read=1, faulty=1)),
        (site("", speed(50)), MeasuredCounts(read=1, faulty=1)),
    ],
)
def test_what_is_left_out_is_counted(inside: str, expected: MeasuredCounts) -> None:
    assert read(document(inside)) == ([], expected)


def test_times_come_in_order_and_a_site_once_for_each() -> None:
    later = site("RWS-1", speed(50), time="2026-11-03T20:05:00Z")
    measured = MeasuredData([document(later, site("RWS-1", speed(60)), site("RWS-1", speed(70)))], NETWORK)
    deliveries = measured.deliveries()
    assert [(delivery.at.minute, len(delivery.events)) for delivery in deliveries] == [(0, 1), (5, 1)]
    span = extent(deliveries)
    assert span is not None
    assert span[0] == AT
    assert extent([]) is None


@pytest.mark.parametrize(
    "data", [b"", b"<", b"{}", b"<html/>", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a>" * 500]
)
def test_what_is_no_document_is_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(ConfigurationError) as refused:
        read(data)
    assert "\n" not in str(refused.value)


WHOLE = document(site("RWS-1", speed(100, used=3), flow(3000)), site("RWS-2", speed(80)))


@settings(max_examples=200, deadline=None)
@given(where=st.integers(0, len(WHOLE)), removed=st.integers(0, 30), put=st.binary(max_size=10) | st.just(b"1e999"))
def test_mangled_documents_are_read_or_refused(where: int, removed: int, put: bytes) -> None:
    try:
        events, counts = read(WHOLE[:where] + put + WHOLE[where + removed :])
    except ConfigurationError:
        return
    assert len(events) <= counts.read
