"""The newest state of every advisory on the log. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.events.records import AdvisoryId, AdvisoryType, NetworkId, TrafficAdvisory


class AdvisoryState(StrEnum):
    """Where an advisory is in its life."""

    NOW = "now"
    LATER = "later"
    OVER = "over"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class AdvisoryQuery:
    """What a client asks for; `None` does not restrict."""

    limit: int
    states: frozenset[AdvisoryState]
    network_id: NetworkId | None = None
    advisory_type: AdvisoryType | None = None


class AdvisoriesView:
    """Each advisory in its newest record: that with the highest offset, in whatever order records are taken in."""

    def __init__(self) -> None:
        self._advisories: dict[AdvisoryId, TrafficAdvisory] = {}
        self._offsets: dict[AdvisoryId, int] = {}

    def __len__(self) -> int:
        return len(self._advisories)

    @property
    def records(self) -> Mapping[AdvisoryId, TrafficAdvisory]:
        """All of them, those withdrawn as well."""
        return self._advisories

    def apply(self, advisory: TrafficAdvisory, offset: int) -> bool:
        """Take one record in; returns whether it was the newest of its advisory."""
        if not self._newer(advisory.advisory_id, offset):
            return False
        self._advisories[advisory.advisory_id] = advisory
        return True

    def forget(self, advisory_id: AdvisoryId, offset: int) -> None:
        """Drop one advisory, as a tombstone on the topic asks."""
        if self._newer(advisory_id, offset):
            self._advisories.pop(advisory_id, None)

    def find(self, query: AdvisoryQuery, at: datetime) -> Iterator[TrafficAdvisory]:
        """At most `limit` advisories, the last to begin first."""
        left = query.limit
        for advisory in sorted(
            self._advisories.values(), key=lambda each: (each.starts_at, each.advisory_id), reverse=True
        ):
            if (
                query.network_id in {None, advisory.network_id}
                and query.advisory_type in {None, advisory.advisory_type}
                and state_of(advisory, at) in query.states
            ):
                if left == 0:
                    return
                left -= 1
                yield advisory

    def _newer(self, advisory_id: AdvisoryId, offset: int) -> bool:
        if offset <= self._offsets.get(advisory_id, -1):
            return False
        self._offsets[advisory_id] = offset
        return True


def state_of(advisory: TrafficAdvisory, at: datetime) -> AdvisoryState:
    """Where an advisory is in its life at `at`."""
    if advisory.withdrawn:
        return AdvisoryState.WITHDRAWN
    if advisory.ends_at is not None and advisory.ends_at <= at:
        return AdvisoryState.OVER
    return AdvisoryState.NOW if advisory.starts_at <= at else AdvisoryState.LATER
