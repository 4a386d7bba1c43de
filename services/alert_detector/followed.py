"""The small topics that every instance knows as a whole: what publishers announce, and what operators do."""

from collections.abc import Sequence

from shared.alerts.actions.alerts import AlertActions
from shared.alerts.advisories.current import CurrentAdvisories
from shared.events.avro import decode
from shared.events.errors import RejectedEventError
from shared.events.records import AdvisoryId, AlertAction, TrafficAdvisory
from shared.events.topics import ADVISORIES, ALERT_ACTIONS
from shared.kafka.advisories import apply
from shared.kafka.following import FOLLOW, TopicFollower
from shared.kafka.quarantine import Quarantine
from shared.kafka.replay import LogRecord


def advisories_follower(
    bootstrap_servers: str, client_id: str, current: CurrentAdvisories, quarantine: Quarantine
) -> TopicFollower:
    """Keeps the advisories in step with the advisories topic; what cannot be taken in is passed over, and noted."""
    by_id: dict[AdvisoryId, TrafficAdvisory] = {}

    def replace(records: Sequence[LogRecord]) -> None:
        by_id.clear()
        for record in records:
            if apply(by_id, record) is None:
                quarantine.note(FOLLOW, f"{record.topic}-{record.partition}@{record.offset}", "no advisory")
        current.replace(by_id)

    def take(record: LogRecord) -> None:
        taken = apply(by_id, record)
        if isinstance(taken, TrafficAdvisory):
            current.take(taken)
        elif taken is not None:
            current.drop(taken)
        else:
            quarantine.note(FOLLOW, f"{record.topic}-{record.partition}@{record.offset}", "no advisory")

    return TopicFollower(bootstrap_servers, f"{client_id}-advisories", ADVISORIES, replace, take, quarantine)


def actions_follower(
    bootstrap_servers: str, client_id: str, actions: AlertActions, quarantine: Quarantine
) -> TopicFollower:
    """Keeps the actions in step with the actions topic; the alerts say which actions had their effect already."""

    def replace(records: Sequence[LogRecord]) -> None:
        actions.restart()
        for record in records:
            take(record)

    def take(record: LogRecord) -> None:
        try:
            if record.value is not None:
                actions.put(decode(AlertAction, record.value))
        except RejectedEventError as rejected:
            quarantine.note(FOLLOW, f"{record.topic}-{record.partition}@{record.offset}", rejected)

    return TopicFollower(bootstrap_servers, f"{client_id}-actions", ALERT_ACTIONS, replace, take, quarantine)
