"""What the windows group commits beside an offset: how far each network's windows are final. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from services.ingest.clocks import Rounds
from shared.events.records import NetworkId

VERSION = 1
# Kafka keeps at most 4,096 bytes of metadata with an offset (offset.metadata.max.bytes).
MAX_METADATA_BYTES = 4_000


@dataclass(frozen=True, slots=True)
class NetworkProgress:
    """How far one network has come in one partition, in milliseconds of event time since 1970.

    Windows that end at or before `final_through_ms` take no more readings. `watermark_ms` is `None` where no majority
    of the sensors has spoken yet; `rounds` is `None` where nobody has, or an older release committed.
    """

    final_through_ms: int
    watermark_ms: int | None
    rounds: Rounds | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Where a partition can be taken up again.

    `position` is the offset of the first record to read again. Bad and mis-keyed records before offset
    `handled` have been dead-lettered or published again, and are passed over when they are read again. What
    `networks` says is as of offset `through`: records before it tell windows and clocks again what they held, and move
    no watermark.
    """

    position: int
    handled: int
    networks: Mapping[NetworkId, NetworkProgress] = field(default_factory=dict)
    through: int = 0

    def metadata(self) -> str:
        """The commit metadata; where it would be too long, the networks with the oldest watermarks are left out."""
        newest_first = sorted(self.networks.items(), key=lambda entry: (-(entry[1].watermark_ms or 0), entry[0]))
        while True:
            text = json.dumps(
                {
                    "v": VERSION,
                    "handled": self.handled,
                    "through": self.through,
                    "networks": {
                        network_id: [progress.final_through_ms, progress.watermark_ms]
                        for network_id, progress in newest_first
                        if progress.watermark_ms is not None
                    },
                    "rounds": {
                        network_id: [progress.rounds.last, progress.rounds.this]
                        for network_id, progress in newest_first
                        if progress.rounds is not None
                    },
                },
                separators=(",", ":"),
            )
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
            rounds = {
                network_id: Rounds(int(last), int(this))
                for network_id, (last, this) in fields.get("rounds", {}).items()
            }
            progress = {
                NetworkId(network_id): NetworkProgress(int(final), int(watermark), rounds.get(network_id))
                for network_id, (final, watermark) in fields["networks"].items()
            }
            unheard = {NetworkId(network_id): NetworkProgress(0, None, one) for network_id, one in rounds.items()}
            return cls(
                position=position,
                handled=max(position, int(fields["handled"])),
                networks=unheard | progress,
                # An older release said nothing of rounds: its watermark goes on from the first record that is read.
                through=max(position, int(fields.get("through", position))),
            )
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
            return None
