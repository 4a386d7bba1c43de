"""The small topics that every instance knows as a whole: what publishers announce, and what operators do."""

from collections.abc import Sequence

import structlog
from structlog.stdlib import BoundLogger

from shared.alerts.actions.alerts import AlertActions
from shared.alerts.advisories.current import CurrentAdvisories
from shared.events.avro import decode
from shared.events.errors import RejectedEventError
from shared.events.records import AdvisoryId, AlertAction, TrafficAdvisory
from shared.events.topics import ADVISORIES, ALERT_ACTIONS
from shared.kafka.advisories import apply
from shared.kafka.following import TopicFollower
from shared.kafka.replay import LogRecord

log: BoundLogger = structlog.stdlib.get_logger(__name__)


def advisories_follower(bootstrap_servers: str, client_id: str, current: CurrentAdvisories) -> TopicFollower:
    """Keeps the advisories in step with the advisories topic."""
    by_id: dict[AdvisoryId, TrafficAdvisory] = {}

    def replace(records: Sequence[LogRecord]) -> None:
        by_id.clear()
        for record in records:
            apply(by_id, record)
        current.replace(by_id)

    def take(record: LogRecord) -> None:
        taken = apply(by_id, record)
        if isinstance(taken, TrafficAdvisory):
            current.take(taken)
        elif taken is not None:
            current.drop(taken)

    return TopicFollower(bootstrap_servers, f"{client_id}-advisories", ADVISORIES, replace, take)


def actions_follower(bootstrap_servers: str, client_id: str, actions: AlertActions) -> TopicFollower:
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
            where = {"partition": record.partition, "offset": record.offset}
            log.error("passing over a damaged action", detail=rejected.detail, **where)  # noqa: TRY400 - foreseen

    return TopicFollower(bootstrap_servers, f"{client_id}-actions", ALERT_ACTIONS, replace, take)
