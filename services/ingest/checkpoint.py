"""What the windows group commits beside an offset: how far each network's windows are final. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.events.records import NetworkId

VERSION = 1
# Kafka keeps at most 4,096 bytes of metadata with an offset (offset.metadata.max.bytes).
MAX_METADATA_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class NetworkProgress:
    """How far one network has come in one partition, in milliseconds of event time since 1970.

    Windows that end at or before `final_through_ms` take no more readings.
    """

    final_through_ms: int
    watermark_ms: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a partition can be taken up again.

    `position` is the offset of the first record to read again. Bad and mis-keyed records before offset
    `handled` have been dead-lettered or published again, and are passed over when they are read again.
    """

    position: int
    handled: int
    networks: Mapping[NetworkId, NetworkProgress] = field(default_factory=dict)

    def metadata(self) -> str:
        """The commit metadata; where it would be too long, the networks with the oldest watermarks are left out."""
        newest_first = sorted(self.networks.items(), key=lambda entry: (-entry[1].watermark_ms, entry[0]))
        while True:
            networks = {
                network_id: [progress.final_through_ms, progress.watermark_ms] for network_id, progress in newest_first
            }
            text = json.dumps({"v": VERSION, "handled": self.handled, "networks": networks}, separators=(",", ":"))
            if len(text) <= MAX_METADATA_BYTES:
                return text
            newest_first.pop()

    @classmethod
    def read(cls, position: int, metadata: str) -> "Checkpoint | None":
        """The checkpoint of a committed offset; `None` where somebody else moved it, with other metadata."""
        try:
            fields = json.loads(metadata)
            if fields["v"] != VERSION:
                return None
            return cls(
                position=position,
                handled=max(position, int(fields["handled"])),
                networks={
                    NetworkId(network_id): NetworkProgress(int(final), int(watermark))
                    for network_id, (final, watermark) in fields["networks"].items()
                },
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            return None
