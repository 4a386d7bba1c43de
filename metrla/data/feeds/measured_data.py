"""Measured data in DATEX II (CEN 16157, datex2.eu), versions 2 and 3, as readings: speed, flow and occupancy of sites.

A site is a sensor, by its id. Where a document brings the table of its sites as well, values of single classes of
vehicles are left out beside those of all vehicles, and a period that is told there holds. Without the table several
flows of one site may be lanes, to be added up, or classes of what another one counts already: then its volume is left
out and counted as unclear, because wrong is worse than missing. Speeds are km/h, flows vehicles per hour.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import isfinite
from statistics import fmean
from xml.etree.ElementTree import Element

from pydantic import TypeAdapter, ValidationError

from metrla.data.feeds.delivery import Delivery
from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.reading import Instant
from shared.alerts.advisories.documents.formats.xml import attribute, name_of, part, parts, read_xml, told
from shared.events.errors import ConfigurationError
from shared.events.quantities import METRES_PER_MILE
from shared.events.records import SensorId, TrafficEvent
from shared.traffic.network import Network

MPH_PER_KMH = 1_000 / METRES_PER_MILE
HOUR_S = 3_600.0
DAY_S = 86_400.0
PERCENT = 100.0
ALL_VEHICLES = "anyVehicle"
VALUES = frozenset({"measuredValue", "physicalQuantity"})
TIMES = ("measurementTimeDefault", "measurementTime")

_INSTANT: TypeAdapter[datetime] = TypeAdapter(Instant)


@dataclass(slots=True)
class MeasuredCounts:
    """What has been come across, in readings.

    `faulty` have no site, no time or a value that is no number; `unclear` have several flows of unknown kind.
    """

    read: int = 0
    missing: int = 0
    unknown_sensor: int = 0
    faulty: int = 0
    unclear: int = 0


@dataclass(frozen=True, slots=True)
class _Value:
    """One value of a site: `kind` is speed, flow or occupancy; `weight` the vehicles it is the mean of, if told."""

    kind: str
    value: float
    weight: float | None
    index: str | None


@dataclass(frozen=True, slots=True)
class _Characteristics:
    """What the table of sites says of the values of one index."""

    all_vehicles: bool
    period_s: float | None


_Table = Mapping[str, Mapping[str, _Characteristics]]


@dataclass(slots=True)
class MeasuredData:
    """Turns documents of measured data into deliveries, one for each time.

    Args:
        documents: as they came.
        network: its sensors are the sites; its reading interval is the period of flows where no table tells it.
    """

    documents: Sequence[bytes]
    network: Network
    counts: MeasuredCounts = field(default_factory=MeasuredCounts)

    def deliveries(self) -> list[Delivery]:
        """The events, by time; raises `ConfigurationError` where a document is none of measured data."""
        found: dict[datetime, dict[SensorId, TrafficEvent]] = {}
        roots = [_root(document) for document in self.documents]
        table = {site: indices for root in roots for site, indices in _sites(root)}
        for measured in (each for root in roots for each in root.iter() if name_of(each) == "siteMeasurements"):
            event = self._event(measured, table)
            if event is not None:
                found.setdefault(event.timestamp, {})[event.sensor_id] = event
        return [Delivery(time, tuple(events.values())) for time, events in sorted(found.items())]

    def _event(self, measured: Element, table: _Table) -> TrafficEvent | None:
        self.counts.read += 1
        try:
            site, time, values = _site(measured), _time(measured), list(_values(measured))
        except ValueError:
            self.counts.faulty += 1
            return None
        sensor_id = SensorId(site)
        if sensor_id not in self.network.index:
            self.counts.unknown_sensor += 1
            return None
        known = table.get(site, {})
        speed = _mean(_of_all_vehicles("speed", values, known))
        occupancy = _mean(_of_all_vehicles("occupancy", values, known))
        volume = self._volume(_of_all_vehicles("flow", values, known), known)
        if speed is None and occupancy is None and volume is None:
            self.counts.missing += 1
        return TrafficEvent(
            event_id=f"{site}@{time:%Y-%m-%dT%H:%M:%SZ}",
            network_id=self.network.network_id,
            sensor_id=sensor_id,
            timestamp=time,
            speed_mph=None if speed is None else speed * MPH_PER_KMH,
            volume_vehicles=volume,
            occupancy=None if occupancy is None else occupancy / PERCENT,
        )

    def _volume(self, flows: Sequence[_Value], known: Mapping[str, _Characteristics]) -> float | None:
        if not flows:
            return None
        if len(flows) > 1 and not known:
            self.counts.unclear += 1
            return None
        usual_s = self.network.reading_interval.total_seconds()
        told_of = [known.get(flow.index or "") for flow in flows]
        periods = [usual_s if one is None or one.period_s is None else one.period_s for one in told_of]
        return sum(flow.value * period_s / HOUR_S for flow, period_s in zip(flows, periods, strict=True))


def _root(document: bytes) -> Element:
    try:
        root = read_xml(document.strip())
    except UnreadableAdvisoriesError as unreadable:
        raise ConfigurationError(f"measured data: {unreadable}") from unreadable
    if not any(name_of(each) in {"siteMeasurements", "measurementSiteRecord"} for each in root.iter()):
        raise ConfigurationError("measured data: there is no `siteMeasurements` element in the document")
    return root


def _sites(root: Element) -> Iterator[tuple[str, Mapping[str, _Characteristics]]]:
    for record in root.iter():
        site = attribute(record, "id") if name_of(record) == "measurementSiteRecord" else None
        if site is not None:
            yield (
                site,
                {
                    index: _characteristics(each)
                    for each in parts(record, "measurementSpecificCharacteristics")
                    if (index := attribute(each, "index")) is not None
                },
            )


def _characteristics(element: Element) -> _Characteristics:
    classes = {(each.text or "").strip() for each in element.iter() if name_of(each) == "vehicleType"} - {""}
    # A length or another property makes a class of vehicles as well.
    divided = any(name_of(each).endswith("Characteristic") for each in element.iter())
    periods = (_number(each.text) for each in element.iter() if name_of(each) == "period")
    period_s = next((period for period in periods if period is not None and 0 < period <= DAY_S), None)
    return _Characteristics(classes <= {ALL_VEHICLES} and not divided, period_s)


def _of_all_vehicles(kind: str, values: Iterable[_Value], known: Mapping[str, _Characteristics]) -> Sequence[_Value]:
    """The values of a kind: of all vehicles, where the table says which those are and there is one, else every one."""
    of_kind = [value for value in values if value.kind == kind]
    total = [value for value in of_kind if (about := known.get(value.index or "")) is not None and about.all_vehicles]
    return total or of_kind


def _site(measured: Element) -> str:
    reference = part(measured, "measurementSiteReference")
    site = None if reference is None else attribute(reference, "id")
    if site is None:
        raise ValueError("there is no site")
    return site


def _time(measured: Element) -> datetime:
    for name in TIMES:
        text = told(measured, name) or told(measured, name, "timeValue")
        if text is not None:
            try:
                return _INSTANT.validate_python(text)
            except ValidationError as wrong:
                raise ValueError(f"{text[:40]!r} is no time with an offset") from wrong
    raise ValueError("there is no time")


def _values(measured: Element) -> Iterator[_Value]:
    """Every value that was measured: an error or a negative number stands for none."""
    for held in measured:
        if name_of(held) not in VALUES:
            continue
        index = attribute(held, "index")
        for each in held.iter():
            found = {
                "averageVehicleSpeed": ("speed", "speed"),
                "vehicleFlow": ("flow", "vehicleFlowRate"),
                "occupancy": ("occupancy", "percentage"),
            }.get(name_of(each))
            if found is None or told(each, "dataError") in {"true", "1"}:
                continue
            kind, inside = found
            text = told(each, inside)
            number = _number(text)
            if text is not None and number is None:
                raise ValueError(f"{text[:40]!r} is no number")
            weight = _number(attribute(each, "numberOfInputValuesUsed"))
            if number is not None and number >= 0 and weight != 0.0:
                yield _Value(kind, number, weight, index)


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if isfinite(number) else None


def _mean(values: Iterable[_Value]) -> float | None:
    """The mean by the vehicles that each is about, where all say so."""
    known = list(values)
    if not known:
        return None
    weights = [value.weight for value in known if value.weight is not None and value.weight > 0]
    return fmean((value.value for value in known), weights if len(weights) == len(known) else None)


def extent(deliveries: Sequence[Delivery]) -> tuple[datetime, datetime] | None:
    """First and last time; `None` where nothing was measured."""
    return (deliveries[0].at, deliveries[-1].at + timedelta(microseconds=1)) if deliveries else None
