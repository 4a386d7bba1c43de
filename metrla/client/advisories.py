"""Advisories as they are answered and published, and the receipt for a document of them."""

from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from metrla.client.values import (
    AdvisoryState,
    AdvisoryType,
    AlertSeverity,
    Answer,
    DocumentFormat,
    Id,
    Latitude,
    Longitude,
)


class Advisory(Answer):
    """Planned work, weather or an event, as published."""

    advisory_id: str = Field(description="Id of the advisory; it never changes.")
    network_id: str = Field(description="Sensor network.")
    advisory_type: AdvisoryType
    state: AdvisoryState = Field(description="now (it applies), later, over or withdrawn.")
    title: str
    description: str
    severity: AlertSeverity = Field(description="As the publisher rates it.")
    starts_at: datetime = Field(description="Start, inclusive (UTC).")
    ends_at: datetime | None = Field(description="End, exclusive (UTC); null while it is open.")
    affected_sensors: tuple[str, ...] = Field(
        description="Affected sensors in road order; empty: see the place, or the whole network."
    )
    latitude: Latitude | None
    longitude: Longitude | None
    source: str = Field(description="Who publishes it.")
    updated_at: datetime | None = Field(description="When the publisher last changed or confirmed it (UTC).")
    publisher_id: str = Field(description="The publisher's own id.")
    feed: str = Field(description="The feed it was read from.")


class FeatureFault(Answer):
    """A feature that was not published, and why."""

    index: int = Field(description="Place in the document, from 0.")
    publisher_id: str | None = Field(description="Its id where it has one.")
    reason: str


class FeatureRest(Answer):
    """What a feature says that has no place in an advisory."""

    index: int = Field(description="Place in the document, from 0.")
    publisher_id: str | None = Field(description="Its id where it has one.")
    fields: tuple[str, ...] = Field(description="Names of the fields that are not read.")


class Receipt(Answer):
    """What happened to a document: every feature is counted once; of each kind of fault the first 100 are listed."""

    format: DocumentFormat
    features: int = Field(description="Features in the document.")
    advisories: int = Field(description="Advisories that it contains, one for each network and period.")
    published: int = Field(description="Advisories that were new or changed.")
    unchanged: int = Field(description="Advisories that were already published as they are.")
    withdrawn: int = Field(description="Advisories that it withdrew.")
    stale: int = Field(description="Advisories older than what is already known.")
    superseded: int = Field(description="Messages that another message of the same document replaces.")
    rejected: tuple[FeatureFault, ...] = Field(description="Features that cannot be used, the first 100.")
    rejected_count: int = Field(description="How many cannot be used.")
    unmatched: tuple[FeatureFault, ...] = Field(description="Features that touch no sensor, the first 100.")
    unmatched_count: int = Field(description="How many touch no sensor of any network.")
    unread: tuple[FeatureRest, ...] = Field(description="Features that say more than is read, the first 100.")
    unread_count: int = Field(description="How many say more than is read.")
    partial: str | None = Field(
        description="Why the document is not its whole feed; then nothing was withdrawn for being left out. Else null."
    )
    advisory_ids: tuple[str, ...]


class NewAdvisory(BaseModel):
    """An advisory and where it applies: `affected_sensors`, or a place (`geometry`, or `latitude` and `longitude`).

    With a place, `road` and `direction` restrict it to one carriageway. A known `id` changes that advisory.
    """

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    advisory_type: AdvisoryType
    title: Annotated[str, Field(min_length=1, max_length=200)]
    description: Annotated[str, Field(max_length=4000)] = ""
    severity: AlertSeverity = AlertSeverity.MEDIUM
    starts_at: AwareDatetime | None = Field(default=None, description="Start; absent: now (event time).")
    ends_at: AwareDatetime | None = Field(default=None, description="End; absent: until it is withdrawn.")
    network_id: Id | None = Field(default=None, description="Needed where the gateway serves several networks.")
    affected_sensors: Annotated[tuple[Id, ...], Field(max_length=10_000)] = ()
    latitude: Annotated[float, Field(ge=-90, le=90)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180)] | None = None
    geometry: dict[str, Any] | None = Field(default=None, description="GeoJSON.")
    road: Id | None = Field(default=None, description="Such as I-405.")
    direction: Id | None = Field(default=None, description="N, E, S or W, or northbound and so on.")
    id: Id | None = Field(
        default=None, description="Your own id for the advisory: sent again, it changes that advisory."
    )
    source: Annotated[str, Field(max_length=200)] = "operator"

    @model_validator(mode="after")
    def _placed(self) -> Self:
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude come together")
        if not self.affected_sensors and self.latitude is None and self.geometry is None:
            raise ValueError("a place is needed: affected_sensors, geometry, or latitude and longitude")
        if self.starts_at and self.ends_at and self.ends_at <= self.starts_at:
            raise ValueError("ends_at is not after starts_at")
        return self
