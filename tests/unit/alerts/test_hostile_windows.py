"""Windows within the limits, whatever they say and in whatever order: alerts come of them, and no fault."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.alerts import AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts, Recalled
from shared.events.avro import decode, encode
from shared.events.records import AlertType, ProcessedTrafficAggregate, SensorId, TrafficAlert
from shared.traffic.network import Network
from tests.kit.records import records_of

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
TIMES = st.one_of(
    st.integers(0, 12).map(lambda step: START + step * WINDOW),
    st.sampled_from([datetime(1970, 1, 1, tzinfo=UTC), datetime(2199, 12, 31, 23, 55, tzinfo=UTC)]),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    records=st.lists(
        st.tuples(records_of(ProcessedTrafficAggregate), st.integers(0, 7), TIMES, st.booleans()), max_size=40
    )
)
def test_no_window_within_the_limits_makes_the_detector_fail(
    records: list[tuple[Any, int, datetime, bool]], make_network: Callable[..., Network]
) -> None:
    network = make_network([mile / 2 for mile in range(8)])
    detector = CongestionDetector(network, CongestionRule(), Materiality())
    announced = AnnouncedAlerts({network.network_id: AdvisoryDetector(network, CongestionRule())})
    rules = DetectionRules({network.network_id: detector}, 5.0, 1800.0, announced)
    board = AlertBoard.rebuilt(network, AlertType.CONGESTION, [])
    subject = ObservedAlerts(rules, Recalled({network.network_id: board}))
    subject.rebuild([], 0.0)
    now = 0.0
    for record, place, start, slow in records:
        one = replace(
            record,
            network_id=network.network_id,
            sensor_id=SensorId(f"E{place}"),
            window_start=start,
            window_end=start + WINDOW,
            **({"mean_speed_mph": 5.0, "speed_count": 1} if slow else {}),
        )
        now += 1.0
        changes = [*subject.handle([one], now), *subject.tick(now + 6.0)]
        for alert in (alert for change in changes for alert in change.alerts):
            assert decode(TrafficAlert, encode(alert)) == alert
    subject.tick(1e9)
