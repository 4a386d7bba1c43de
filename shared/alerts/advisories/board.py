"""The alerts of one network that stem from advisories, rebuilt from the log and kept from those sent. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from shared.events.records import AlertId, AlertType, NetworkId, TrafficAdvisory, TrafficAlert

TYPES = frozenset({AlertType.CONSTRUCTION, AlertType.WEATHER, AlertType.EVENT})
AGAIN = "~"


@dataclass
class AdvisoryBoard:
    """The newest alert of each advisory, active or over, by the part of its id that derives from the advisory."""

    network_id: NetworkId
    newest: dict[str, TrafficAlert] = field(default_factory=dict)

    @classmethod
    def rebuilt(cls, network_id: NetworkId, log: Iterable[TrafficAlert]) -> "AdvisoryBoard":
        """The board that a log of alert records leaves, of whatever networks and types, in whatever order."""
        board = cls(network_id)
        board.apply(alert for alert in log if alert.network_id == network_id and alert.alert_type in TYPES)
        return board

    def apply(self, alerts: Iterable[TrafficAlert]) -> None:
        """Take in what was sent, or what the log has."""
        for alert in alerts:
            stem = _split(alert.alert_id)[0]
            known = self.newest.get(stem)
            if known is None or _order(alert) >= _order(known):
                self.newest[stem] = alert

    def active(self) -> Sequence[TrafficAlert]:
        """Every active alert."""
        return [alert for alert in self.newest.values() if alert.active]


def stem_of(advisory: TrafficAdvisory) -> str:
    """The id of an advisory's first alert."""
    return f"{advisory.advisory_type}-{advisory.advisory_id}"


def next_id(stem: str, known: TrafficAlert | None) -> AlertId:
    """The id of an advisory's next alert: a number is added where it holds again after its alert was cleared."""
    return AlertId(stem if known is None else f"{stem}{AGAIN}{_number(known) + 1}")


def _number(alert: TrafficAlert) -> int:
    return _split(alert.alert_id)[1]


def _split(alert_id: str) -> tuple[str, int]:
    """Stem and number. Networks may have `AGAIN` in their ids, too, so only a number at the end counts."""
    stem, again, number = alert_id.rpartition(AGAIN)
    return (stem, int(number)) if again and number.isascii() and number.isdecimal() else (alert_id, 1)


def _order(alert: TrafficAlert) -> tuple[int, int, datetime]:
    return _number(alert), alert.revision, alert.updated_at
