"""What the API says of advisories."""

from datetime import datetime

from pydantic import Field

from services.gateway.responses import LISTED_FAULTS, Answer, Latitude, Longitude
from services.gateway.views.advisories import AdvisoryState, state_of
from shared.alerts.advisories.documents.draft import DocumentFormat
from shared.alerts.advisories.documents.importing import ImportResult
from shared.events.records import AdvisoryType, AlertSeverity, TrafficAdvisory


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

    @classmethod
    def of(cls, advisory: TrafficAdvisory, at: datetime) -> "Advisory":
        """The answer for one advisory at `at`."""
        return cls(
            state=state_of(advisory, at),
            **{name: getattr(advisory, name) for name in cls.model_fields if name != "state"},
        )


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

    @classmethod
    def of(cls, outcome: ImportResult) -> "Receipt":
        """The receipt for one document."""
        return cls(
            format=outcome.format,
            features=outcome.features,
            advisories=len(outcome.advisories),
            published=outcome.new,
            unchanged=outcome.unchanged,
            withdrawn=outcome.withdrawn,
            stale=outcome.stale,
            superseded=outcome.superseded,
            rejected=tuple(
                FeatureFault(index=each.index, publisher_id=each.publisher_id, reason=each.reason)
                for each in outcome.rejected[:LISTED_FAULTS]
            ),
            rejected_count=len(outcome.rejected),
            unmatched=tuple(
                FeatureFault(index=each.index, publisher_id=each.publisher_id, reason="touches no sensor")
                for each in outcome.unmatched[:LISTED_FAULTS]
            ),
            unmatched_count=len(outcome.unmatched),
            unread=tuple(
                FeatureRest(index=each.index, publisher_id=each.publisher_id, fields=each.fields)
                for each in outcome.unread[:LISTED_FAULTS]
            ),
            unread_count=len(outcome.unread),
            partial=outcome.partial,
            advisory_ids=tuple(advisory.advisory_id for advisory in outcome.advisories),
        )
