"""One advisory as an operator writes it. Pure."""

from datetime import UTC, datetime
from typing import Annotated, Any, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from shared.alerts.advisories.documents.draft import Draft
from shared.alerts.advisories.documents.formats.reading import read_geometry
from shared.alerts.advisories.documents.importing import id_for, whole_ms
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.roads import direction_of, read_road
from shared.events.limits import DESCRIPTION, SOURCE, TITLE
from shared.events.quantities import in_span, told_instant
from shared.events.records import AdvisoryType, AlertSeverity, NetworkId, SensorId, TrafficAdvisory
from shared.events.text import IdText

FORM = "operator"
GEOMETRIES = frozenset({"Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon"})
Time = Annotated[AwareDatetime, BeforeValidator(told_instant), AfterValidator(in_span)]


def _each_once(ids: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(ids))


class NewAdvisory(BaseModel):
    """An advisory and where it applies: `affected_sensors`, or a place (`geometry`, or `latitude` and `longitude`).

    With a place, `road` and `direction` restrict it to one carriageway. A known `id` changes that advisory.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    advisory_type: AdvisoryType
    title: Annotated[str, TITLE]
    description: Annotated[str, DESCRIPTION] = ""
    severity: AlertSeverity = AlertSeverity.MEDIUM
    starts_at: Time | None = Field(default=None, description="Start; absent: now (event time).")
    ends_at: Time | None = Field(default=None, description="End; absent: until it is withdrawn.")
    network_id: IdText | None = Field(default=None, description="Needed where the gateway serves several networks.")
    affected_sensors: Annotated[tuple[IdText, ...], Field(max_length=10_000), AfterValidator(_each_once)] = ()
    latitude: Annotated[float, Field(ge=-90, le=90, strict=True)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, strict=True)] | None = None
    geometry: dict[str, Any] | None = Field(default=None, description="GeoJSON.")
    road: IdText | None = Field(default=None, description="Such as I-405.")
    direction: IdText | None = Field(default=None, description="N, E, S or W, or northbound and so on.")
    id: IdText | None = Field(
        default=None, description="Your own id for the advisory: sent again, it changes that advisory."
    )
    source: Annotated[str, SOURCE] = FORM

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        if not self.affected_sensors and self.latitude is None and self.geometry is None:
            raise ValueError("a place is needed: affected_sensors, geometry, or latitude and longitude")
        if self.geometry is not None:
            read_geometry(self.geometry, GEOMETRIES)
        if self.direction is not None and direction_of(self.direction) is None:
            raise ValueError(f"direction: {self.direction!r} is none of N, E, S, W")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at is not after starts_at")
        return self


def record(new: NewAdvisory, own_id: str, matcher: Matcher, now: datetime) -> TrafficAdvisory:
    """The record for the log.

    Args:
        new: what the operator wrote.
        own_id: its id.
        matcher: of its network.
        now: present event time, UTC.

    Raises:
        ValueError: it names a sensor that the network does not have, touches none, or is over before it begins.
    """
    network = matcher.network
    starts_at = now if new.starts_at is None else new.starts_at.astimezone(UTC)
    ends_at = None if new.ends_at is None else new.ends_at.astimezone(UTC)
    if ends_at is not None and ends_at <= starts_at:
        raise ValueError(f"ends_at: not after its start, {starts_at.isoformat()}")
    draft = _draft(new, own_id, starts_at, ends_at)
    sensors = tuple(map(SensorId, new.affected_sensors)) or matcher.match(draft)
    strangers = [sensor_id for sensor_id in sensors if sensor_id not in network.index]
    if strangers:
        raise ValueError(f"affected_sensors: network {network.network_id} has no {', '.join(strangers[:5])}")
    if not sensors:
        raise ValueError(f"the place touches no sensor of network {network.network_id}")
    middle = None if draft.geometry is None else draft.geometry.representative_point()
    return TrafficAdvisory(
        advisory_id=id_for(FORM, NetworkId(network.network_id), "", own_id),
        network_id=network.network_id,
        advisory_type=new.advisory_type,
        title=new.title,
        description=new.description,
        severity=new.severity,
        starts_at=whole_ms(starts_at),
        ends_at=None if ends_at is None else whole_ms(ends_at),
        affected_sensors=sensors,
        latitude=None if middle is None else middle.y,
        longitude=None if middle is None else middle.x,
        source=new.source,
        withdrawn=False,
        updated_at=whole_ms(now),
        publisher_id=own_id,
    )


def _draft(new: NewAdvisory, own_id: str, starts_at: datetime, ends_at: datetime | None) -> Draft:
    place = new.geometry
    if place is None and new.latitude is not None:
        place = {"type": "Point", "coordinates": [new.longitude, new.latitude]}
    direction = None if new.direction is None else direction_of(new.direction)
    return Draft(
        index=0,
        scope="",
        publisher_id=own_id,
        chain_id=own_id,
        advisory_type=new.advisory_type,
        title=new.title,
        description=new.description,
        severity=new.severity,
        starts_at=starts_at,
        ends_at=ends_at,
        geometry=None if place is None else read_geometry(place, GEOMETRIES),
        source=new.source,
        roads=() if new.road is None else (read_road(new.road, direction),),
    )
