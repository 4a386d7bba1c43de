"""One step of one kind of alert on one carriageway: what is over, what goes on, what is new. Pure.

The course of a step is the same for every kind and is here alone (`KindStep.advance`):

1. alerts that are over whatever was found let go of their place;
2. the others choose a candidate, oldest first (`assign`); one that finds none is over, too, or waits;
3. alerts that keep a candidate are updated where that is worth saying;
4. candidates that nobody keeps, and that are reason enough, raise alerts.

Changes come in this order, so that no sensor has two alerts on the way.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from shared.alerts.lifecycle.board import RoadAlerts
from shared.alerts.lifecycle.changes import Covering, assign, cleared, oldest_first, survivor_of
from shared.events.records import TrafficAlert

Candidate = TypeVar("Candidate", bound=Covering)


@dataclass(frozen=True, slots=True)
class Advanced:
    """What a step changes on one carriageway, and which alert has which candidate, by its number, new ones included."""

    changes: list[TrafficAlert]
    owners: Mapping[int, TrafficAlert]


@dataclass(frozen=True, slots=True)
class KindStep(ABC, Generic[Candidate]):
    """What a kind of alert says at event time `at`: its reasons and its words. Everything else is here."""

    at: datetime

    @abstractmethod
    def begins(self, candidate: Candidate, ended: Sequence[TrafficAlert], /) -> bool:
        """Whether a candidate that nobody keeps raises an alert; `ended` are those that this step clears."""

    @abstractmethod
    def raised(self, candidate: Candidate, /) -> TrafficAlert:
        """The alert that it raises."""

    @abstractmethod
    def updated(self, alert: TrafficAlert, candidate: Candidate, /, *, crowded: bool) -> TrafficAlert | None:
        """An alert with the candidate that it keeps, `None` where that is not worth saying.

        Args:
            alert: as it is on the log.
            candidate: what it keeps.
            crowded: whether others take over sensors that it still says it has.
        """

    @abstractmethod
    def without(self, alert: TrafficAlert, survivor: TrafficAlert | None, /) -> str | None:
        """The last word on an alert without a candidate, `None` where it waits; `survivor` has its place."""

    def over(self, alert: TrafficAlert, found: Sequence[Candidate], /) -> str | None:  # noqa: ARG002 - for kinds that ask
        """The last word on an alert that is over whichever candidate it might keep, `None` where it is not."""
        return None

    def left(self, alert: TrafficAlert, candidate: Candidate, /) -> str | None:  # noqa: ARG002 - likewise
        """The last word on an alert that is over although it found this candidate, `None` where it is not."""
        return None

    def cleared(self, alert: TrafficAlert, message: str) -> TrafficAlert:
        """An alert that is over, with the last word on it."""
        return cleared(alert, self.at, message)

    def beside(self) -> Iterable[Covering]:
        """What else may take over sensors of an alert, beside the candidates that have or raise one."""
        return ()

    def advance(self, there: RoadAlerts, found: Sequence[Candidate]) -> Advanced:
        """What the step changes.

        Args:
            there: the alerts of this kind on the carriageway; they are left as they are.
            found: candidates, in road order.
        """
        active = oldest_first(there.active)
        words = {alert.alert_id: self.over(alert, found) for alert in active}
        owned = assign([alert for alert in active if words[alert.alert_id] is None], found)
        owners: dict[int, TrafficAlert] = {}
        for alert in active:
            number = owned.get(alert.alert_id)
            if number is not None:
                words[alert.alert_id] = self.left(alert, found[number])
                if words[alert.alert_id] is None:
                    owners[number] = alert
        kept = {alert.alert_id for alert in owners.values()}
        ended = []
        for alert in active:
            if alert.alert_id not in kept:
                word = words[alert.alert_id] or self.without(alert, survivor_of(alert, found, owners))
                if word is not None:
                    ended.append(self.cleared(alert, word))
        new = [
            number for number, candidate in enumerate(found) if number not in owners and self.begins(candidate, ended)
        ]
        claims: list[Covering] = [*(found[number] for number in (*owners, *new)), *self.beside()]
        updates = (
            self.updated(alert, found[number], crowded=crowded(alert, found[number], claims))
            for number, alert in owners.items()
        )
        raised = {number: self.raised(found[number]) for number in new}
        changes = [*ended, *(change for change in updates if change is not None), *raised.values()]
        return Advanced(changes, owners | raised)


def crowded(alert: TrafficAlert, kept: Covering, claims: Iterable[Covering]) -> bool:
    """Whether others claim sensors that an alert still says it has, and that the candidate it keeps has not."""
    given_up = set(alert.affected_sensors).difference(kept.sensor_ids)
    return any(not given_up.isdisjoint(claim.sensor_ids) for claim in claims)
