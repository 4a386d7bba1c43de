"""The small topics that every instance knows as a whole: what publishers announce, and what operators do."""

from collections.abc import Sequence

import structlog
from structlog.stdlib import BoundLogger

from shared.alerts.actions.desk import ActionDesk
from shared.alerts.advisories.book import AdvisoryBook
from shared.events.avro import decode
from shared.events.errors import RejectedEventError
from shared.events.records import AdvisoryId, AlertAction, TrafficAdvisory
from shared.events.topics import ADVISORIES, ALERT_ACTIONS
from shared.kafka.advisories import apply
from shared.kafka.following import TopicFollower
from shared.kafka.replay import LogRecord

log: BoundLogger = structlog.stdlib.get_logger(__name__)


def advisories_follower(bootstrap_servers: str, client_id: str, book: AdvisoryBook) -> TopicFollower:
    """Keeps the book in step with the advisories topic."""
    current: dict[AdvisoryId, TrafficAdvisory] = {}

    def replace(records: Sequence[LogRecord]) -> None:
        current.clear()
        for record in records:
            apply(current, record)
        book.replace(current)

    def take(record: LogRecord) -> None:
        taken = apply(current, record)
        if isinstance(taken, TrafficAdvisory):
            book.take(taken)
        elif taken is not None:
            book.drop(taken)

    return TopicFollower(bootstrap_servers, f"{client_id}-advisories", ADVISORIES, replace, take)


def actions_follower(bootstrap_servers: str, client_id: str, desk: ActionDesk) -> TopicFollower:
    """Keeps the desk in step with the actions topic; the alerts say which actions had their effect already."""

    def replace(records: Sequence[LogRecord]) -> None:
        desk.restart()
        for record in records:
            take(record)

    def take(record: LogRecord) -> None:
        try:
            if record.value is not None:
                desk.put(decode(AlertAction, record.value))
        except RejectedEventError as rejected:
            where = {"partition": record.partition, "offset": record.offset}
            log.error("passing over a damaged action", detail=rejected.detail, **where)  # noqa: TRY400 - foreseen

    return TopicFollower(bootstrap_servers, f"{client_id}-actions", ALERT_ACTIONS, replace, take)
