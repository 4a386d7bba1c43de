"""The small topics that every instance knows as a whole: of advisories, actions and clocks."""

from collections.abc import Sequence

from shared.alerts.actions.alerts import AlertActions
from shared.alerts.advisories.current import CurrentAdvisories
from shared.events.errors import RejectedEventError
from shared.events.present import logged_at
from shared.events.records import AdvisoryId, AlertAction, TrafficAdvisory
from shared.events.topics import ADVISORIES, ALERT_ACTIONS, SENSOR_TIMES
from shared.kafka.advisories import apply
from shared.kafka.dated import decode_dated
from shared.kafka.deadletter import DECODE
from shared.kafka.following import TopicFollower
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from shared.runtime.clock import wall_clock
from shared.traffic.health.times import ClocksOff, read_times, require_times_present


def advisories_follower(
    bootstrap_servers: str, client_id: str, current: CurrentAdvisories, letters: ReaderLetters
) -> TopicFollower:
    """Keeps the advisories in step with the advisories topic; what cannot be taken in is put aside."""
    by_id: dict[AdvisoryId, TrafficAdvisory] = {}

    def replace(records: Sequence[LogRecord]) -> None:
        by_id.clear()
        for record in records:
            try:
                apply(by_id, record)
            except RejectedEventError as rejected:
                letters.put(record, rejected, DECODE)
        current.replace(by_id)

    def take(record: LogRecord) -> None:
        try:
            taken = apply(by_id, record)
        except RejectedEventError as rejected:
            letters.put(record, rejected, DECODE)
            return
        if isinstance(taken, TrafficAdvisory):
            current.take(taken)
        else:
            current.drop(taken)

    return TopicFollower(bootstrap_servers, f"{client_id}-advisories", ADVISORIES, replace, take, letters)


def actions_follower(
    bootstrap_servers: str, client_id: str, actions: AlertActions, letters: ReaderLetters
) -> TopicFollower:
    """Keeps the actions in step with the actions topic; the alerts say which actions had their effect already."""

    def replace(records: Sequence[LogRecord]) -> None:
        actions.restart()
        for record in records:
            take(record)

    def take(record: LogRecord) -> None:
        try:
            if record.value is not None:
                actions.put(decode_dated(AlertAction, record))
        except RejectedEventError as rejected:
            letters.put(record, rejected, DECODE)

    return TopicFollower(bootstrap_servers, f"{client_id}-actions", ALERT_ACTIONS, replace, take, letters)


def clocks_follower(bootstrap_servers: str, client_id: str, clocks: ClocksOff, letters: ReaderLetters) -> TopicFollower:
    """Keeps in step with what ingest says of the clocks of sensors."""

    def replace(records: Sequence[LogRecord]) -> None:
        clocks.restart()
        for record in records:
            take(record)

    def take(record: LogRecord) -> None:
        try:
            if record.value is not None:
                times = read_times(record.value)
                require_times_present(times, logged_at(record.timestamp, wall_clock()))
                clocks.take(times)
        except RejectedEventError as rejected:
            letters.put(record, rejected, DECODE)

    return TopicFollower(bootstrap_servers, f"{client_id}-times", SENSOR_TIMES, replace, take, letters)
