"""The error tree.

MetrlaError
├── ConfigurationError    settings, network folders or files that the user must mend; stops the start with one line
├── RejectedEventError    one event that cannot be used; goes to the dead-letter topic with `reason` and `detail`
├── SchemaRegistryUnavailableError  the schema registry does not answer; says nothing about the event, so try again
├── ArchiveError          the archive did not do what was asked
├── StoreError            the store did not do what was asked
│   └── RefusedByStoreError  the store is there, and takes no record like this, whenever it is asked
└── ModelError            a model artefact is missing, damaged or does not fit
"""

from enum import StrEnum

from shared.events.text import shown


class MetrlaError(Exception):
    """Root of every error that metrla raises on purpose.

    Its text may repeat what came from outside, and ends up on terminals: what is not printable is shown escaped.
    """

    def __str__(self) -> str:
        return shown(super().__str__())


class ConfigurationError(MetrlaError):
    """What the user gave cannot work; the message says what to change."""


class RejectionReason(StrEnum):
    """Why an event was dead-lettered: the value of the `reason` header and of the metric label."""

    UNDECODABLE = "undecodable"
    UNKNOWN_SCHEMA = "unknown_schema"
    MAPPING_FAILED = "mapping_failed"
    INVALID_FIELD = "invalid_field"
    SPEED_OUT_OF_RANGE = "speed_out_of_range"
    VOLUME_OUT_OF_RANGE = "volume_out_of_range"
    OCCUPANCY_OUT_OF_RANGE = "occupancy_out_of_range"
    COORDINATES_OUT_OF_RANGE = "coordinates_out_of_range"
    UNKNOWN_NETWORK = "unknown_network"
    UNKNOWN_SENSOR = "unknown_sensor"
    TIMESTAMP_OUT_OF_RANGE = "timestamp_out_of_range"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    TOO_LARGE = "too_large"
    UNPROCESSABLE = "unprocessable"


class RejectedEventError(MetrlaError):
    """One event that cannot be used.

    Args:
        reason: the class of fault.
        detail: one sentence for the operator, with the offending value.
        stage: at which stage of the work on it that showed.
    """

    def __init__(self, reason: RejectionReason, detail: str, stage: str = "decode") -> None:
        super().__init__(f"{reason}: {detail}")
        self.stage = stage
        self.reason = reason
        self.detail = detail


class SchemaRegistryUnavailableError(MetrlaError):
    """The schema registry does not answer. It says nothing about the event: keep it and try again."""


class ArchiveError(MetrlaError):
    """The archive did not do what was asked; the cause is chained."""


class StoreError(MetrlaError):
    """The store did not do what was asked; the cause is chained."""


class RefusedByStoreError(StoreError):
    """The store is there and does not take a record, for the record's sake: asking again changes nothing."""


class ModelError(MetrlaError):
    """A model artefact is missing, damaged or does not fit the network."""
