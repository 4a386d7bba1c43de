"""Records that services follow, through what is made of them: steps of the predictor, alerts of the alert detector."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from hypothesis import strategies as st

from services.predictor.steps import StepProcessing
from shared.alerts.actions.alerts import AlertActions
from shared.alerts.advisories.alerts import AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.advisories.current import CurrentAdvisories
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.learned.learner import Learner
from shared.alerts.lifecycle.changes import RoadChanges
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts
from shared.events.avro import decode, encode
from shared.events.errors import RejectedEventError
from shared.events.records import AlertAction, ProcessedTrafficAggregate, TrafficAdvisory, TrafficAlert
from shared.traffic.steps import Step
from tests.fuzz.mutation import damaged
from tests.fuzz.oracle import demand_sound
from tests.fuzz.records import AT, NETWORK, NOW, RECORDS, extreme
from tests.fuzz.target import Target
from tests.kit.windows import processed_window

SETTLE_S, SILENCE_S = 30.0, 300.0
STEP = timedelta(minutes=5)
GOOD = [
    encode(processed_window("toy", sensor, AT + number * STEP, 20.0 + number))
    for number in range(3)
    for sensor in ("s0", "s1")
]
Case = tuple[list[bytes], list[bytes], list[bytes]]


@contextmanager
def quiet() -> Iterator[None]:
    """Without the log lines that damage makes; there are thousands of them."""
    with structlog.testing.capture_logs():
        yield


def _judge(case: Case) -> None:
    """Windows, advisories and actions as the alert detector takes them; each alert must be fit for its topic."""
    with quiet():
        _alerts(case)


def _alerts(case: Case) -> None:
    windows, advisories, actions = case
    current = CurrentAdvisories()
    announced = AnnouncedAlerts({NETWORK.network_id: AdvisoryDetector(NETWORK, CongestionRule())}, current)
    rules = DetectionRules(
        {NETWORK.network_id: CongestionDetector(NETWORK, CongestionRule(), Materiality())},
        *(SETTLE_S, SILENCE_S, announced),
        clock=lambda: NOW,
        learners={NETWORK.network_id: Learner(NETWORK)},
    )
    observed, acted = ObservedAlerts(rules), AlertActions()
    current.replace({})
    for data in advisories:
        try:
            current.take(decode(TrafficAdvisory, data))
        except RejectedEventError:
            continue
    changes: list[RoadChanges] = []
    for second, data in enumerate((*GOOD, *windows, GOOD[-1])):
        try:
            window = decode(ProcessedTrafficAggregate, data)
        except RejectedEventError:
            continue
        changes += observed.handle([window], 1_000.0 + second)
    changes += observed.tick(1_000.0 + SETTLE_S * 2)
    changes += observed.tick(1_000.0 + SILENCE_S * 2)
    alerts = [alert for change in changes for alert in change.alerts]
    for alert in acted.published([*alerts, _known()]):
        demand_sound(alert)
    for data in actions:
        try:
            acted.put(decode(AlertAction, data))
        except RejectedEventError:
            continue
    for at in (None, AT, NOW):
        for alert in acted.due(NETWORK.network_id, at):
            demand_sound(alert)


def _known() -> TrafficAlert:
    known = RECORDS["TrafficAlert"]
    assert isinstance(known, TrafficAlert)
    return known


def _step(windows: list[bytes]) -> None:
    """Windows as the predictor takes them, up to the steps that it would forecast from."""
    with quiet():
        steps = _steps(windows)
    for step in steps:
        assert step.window_end.tzinfo is not None
        assert step.revision >= 0, f"a negative revision: {step.revision}"
    assert any(step.delivered for step in steps), "the good windows make no step"


def _steps(windows: list[bytes]) -> list[Step]:
    processing = StepProcessing({NETWORK.network_id: NETWORK}, SETTLE_S, 12)
    steps: list[Step] = []
    for second, data in enumerate((*GOOD, *windows, *GOOD)):
        try:
            window = decode(ProcessedTrafficAggregate, data)
        except RejectedEventError:
            continue
        steps += processing.handle([window], 1_000.0 + second)
    return [*steps, *processing.tick(1_000.0 + SETTLE_S * 2)]


def _times() -> st.SearchStrategy[bytes]:
    """Good windows of a known sensor at any time and of any length."""
    starts = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
    lengths = st.sampled_from((STEP, -STEP, timedelta(0), timedelta(hours=7), timedelta(minutes=1)))

    def build(start: datetime, length: timedelta) -> bytes:
        return encode(processed_window("toy", "s0", start, 60.0, length=length))

    return st.builds(build, starts, lengths)


_WINDOWS = st.lists(damaged(GOOD) | extreme("ProcessedTrafficAggregate") | _times(), max_size=3)
_ADVISORIES = st.lists(damaged([encode(RECORDS["TrafficAdvisory"])]) | extreme("TrafficAdvisory"), max_size=2)
_ACTIONS = st.lists(damaged([encode(RECORDS["AlertAction"])]) | extreme("AlertAction"), max_size=2)

TARGETS = (
    Target("judged", st.tuples(_WINDOWS, _ADVISORIES, _ACTIONS), _judge, 40),
    Target("steps", _WINDOWS, _step),
)
