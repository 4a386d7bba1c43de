"""Expected congestion: from forecasts to alerts, over restarts."""

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import structlog
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.alerts.expectations.alerts import ExpectationDetector, is_expectation
from shared.alerts.expectations.expectation import ExpectationRule, expected_stretches
from shared.alerts.expectations.expected import ExpectedAlerts
from shared.alerts.expectations.outlook import outlook
from shared.alerts.expectations.probability import probability_below
from shared.alerts.lifecycle.board import AlertBoard
from shared.events.records import (
    AlertStatus,
    AlertType,
    HorizonForecast,
    NetworkId,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.traffic.network import Network
from shared.traffic.roadway import roadway

RAISED, UPDATED, CLEARED = AlertStatus
START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
HORIZONS = (5, 10, 15, 20)
# P(< 40 mph) with an interval of 20 mph to each side: 0.05 at 60, 0.5 at 40, 0.81 at 30.
FREE, LIKELY, DOUBTFUL = 62.0, 28.0, 38.0

MakeNetwork = Callable[..., Network]


def predicted(
    network: Network,
    at: datetime,
    slow: Mapping[str, float],
    current: Mapping[str, float] | None = None,
    from_minutes: int = 15,
    silent: Iterable[str] = (),
) -> list[TrafficPrediction]:
    """What a model says at `at`: free traffic, but from `from_minutes` on the speeds `slow`."""
    return [
        TrafficPrediction(
            network.network_id,
            sensor.sensor_id,
            at,
            "ensemble",
            "1",
            1,
            (current or {}).get(sensor.sensor_id, 64.0),
            tuple(
                HorizonForecast(ahead, at + timedelta(minutes=ahead), speed, speed - 20, speed + 20, 0.5)
                for ahead in HORIZONS
                for speed in [slow.get(sensor.sensor_id, FREE) if ahead >= from_minutes else FREE]
            ),
        )
        for sensor in network.sensors
        if sensor.sensor_id not in set(silent)
    ]


class TestProbability:
    def test_it_keeps_the_three_quantiles_however_lopsided(self) -> None:
        for limit, expected in ((20.0, 0.05), (50.0, 0.5), (56.0, 0.95)):
            assert probability_below(limit, *np.array([50.0, 20.0, 56.0])) == pytest.approx(expected)

    def test_no_forecast_no_probability(self) -> None:
        assert np.isnan(probability_below(40.0, *np.full(3, np.nan)))

    def test_a_forecast_without_doubt_is_a_step(self) -> None:
        assert probability_below(40.0, *np.array([39.0] * 3)) == pytest.approx(1.0)
        assert probability_below(40.0, *np.array([41.0] * 3)) == pytest.approx(0.0)

    @given(st.floats(0, 80), st.floats(0, 30), st.floats(0, 30), st.floats(0, 80), st.floats(0, 80))
    def test_it_rises_with_the_limit(self, median: float, down: float, up: float, one: float, other: float) -> None:
        quantiles = np.array([median, median - down, median + up])
        low, high = (float(probability_below(limit, *quantiles)) for limit in sorted((one, other)))
        assert 0 <= low <= high <= 1


class Course:
    """Origin after origin, judged by a service that knows nothing but the log and the origin before."""

    def __init__(self, network: Network) -> None:
        self.network, self.log = network, list[TrafficAlert]()
        self.detector = ExpectationDetector(network, ExpectationRule())
        self.origins: list[list[TrafficPrediction]] = []

    @property
    def now(self) -> datetime:
        return START + len(self.origins) * WINDOW

    @property
    def board(self) -> AlertBoard:
        return AlertBoard.rebuilt(self.network, AlertType.CONGESTION, self.log)

    @property
    def active(self) -> TrafficAlert:
        (alert,) = self.board.active()
        return alert

    def step(
        self,
        slow: Mapping[str, float] | None = None,
        current: Mapping[str, float] | None = None,
        from_minutes: int = 15,
        covered: Iterable[str] = (),
        silent: Iterable[str] = (),
    ) -> list[TrafficAlert]:
        at = self.now + WINDOW
        self.origins.append(predicted(self.network, at, slow or {}, current, from_minutes, silent))
        road = roadway(self.network)
        now, before = (
            outlook(road, when, {one.sensor_id: one for one in told}, 40.0)
            for when, told in (
                (at, self.origins[-1]),
                (at - WINDOW, self.origins[-2] if len(self.origins) > 1 else []),
            )
        )
        changes = self.detector.changes(self.board, now, before, map(SensorId, covered))
        self.log += [alert for batch in changes for alert in batch]
        return [alert for batch in changes for alert in batch]


@pytest.fixture
def course(road: Network) -> Course:
    return Course(road)


SOON = {"E3": LIKELY, "E4": LIKELY - 2}


class TestRaising:
    def test_free_traffic_raises_nothing(self, course: Course) -> None:
        assert [change for _ in range(5) for change in course.step()] == []

    def test_twice_in_a_row_raises_one(self, course: Course) -> None:
        assert course.step(SOON) == []
        (alert,) = course.step(SOON)
        assert alert.alert_id == f"congestion-forecast-test-E4-{course.now:%Y%m%dT%H%M}"
        assert alert.alert_type is AlertType.CONGESTION
        assert is_expectation(alert)
        assert alert.status is RAISED
        assert alert.affected_sensors == ("E3", "E4")
        assert alert.expected_at == course.now + timedelta(minutes=15)
        clock = f"{alert.expected_at.astimezone(course.network.time_zone):%H:%M}"
        place = "Congestion expected on I-10 E near E Exit 4"
        assert alert.message == f"{place} at {clock}, in 15 min: 1.0 mi queue, {LIKELY - 1:.0f} mph (89 %)"
        assert alert.location == "I-10 E near E Exit 4, 1.0 mi"
        assert alert.confidence_score == pytest.approx(0.887, abs=1e-3)

    def test_its_evidence_is_the_forecast(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        (evidence,) = course.active.evidence
        assert (evidence.rule, evidence.measure) == ("forecast", "probability_of_congestion")
        assert (evidence.value, evidence.threshold) == (course.active.confidence_score, 0.8)
        assert (evidence.model_name, evidence.model_version) == ("ensemble", "1")
        assert [window.forecast_mph for window in evidence.windows] == [62.0, 62.0, 26.0, 26.0]
        assert [window.window_end - course.now for window in evidence.windows] == [
            timedelta(minutes=ahead) for ahead in HORIZONS
        ]
        assert {window.sensor_id for window in evidence.windows} == {"E4"}

    def test_once_is_not_enough_nor_twice_with_a_gap(self, course: Course) -> None:
        course.step(SOON)
        course.step()
        assert course.step(SOON) == []

    def test_what_is_doubtful_raises_nothing_but_joins(self, course: Course) -> None:
        doubtful = {"E5": DOUBTFUL}
        assert [change for _ in range(4) for change in course.step(doubtful)] == []
        course.step(SOON | doubtful)
        (alert,) = course.step(SOON | doubtful)
        assert alert.affected_sensors == ("E3", "E4", "E5")

    def test_a_horizon_that_a_stretch_has_no_forecast_for_decides_nothing(self, course: Course) -> None:
        at = course.now
        told = {
            one.sensor_id: replace(one, horizons=one.horizons[-1:]) if one.sensor_id == "E3" else one
            for one in predicted(course.network, at, {"E3": DOUBTFUL})
        }
        road = roadway(course.network)
        now = outlook(road, at, told, 40.0)
        (found,) = expected_stretches(road, now, None, road.flags([]), ExpectationRule(), course.network.window)
        assert found.queue.sensor_ids == ("E3",)
        assert found.expected_at == at + timedelta(minutes=HORIZONS[-1])
        assert 0.5 <= found.probability < 0.8

    @pytest.mark.parametrize("where", ["E3", "E6"])
    def test_not_where_traffic_is_slow_already_nor_next_to_it(self, course: Course, where: str) -> None:
        slow = SOON | {where: LIKELY}
        assert [change for _ in range(4) for change in course.step(slow, current={where: 25.0})] == []

    def test_not_where_nobody_sees_traffic_flow(self, course: Course) -> None:
        silent = {"E3": float("nan"), "E4": float("nan")}
        assert [change for _ in range(4) for change in course.step(SOON, current=silent)] == []

    def test_not_where_another_alert_stands(self, course: Course) -> None:
        assert [change for _ in range(4) for change in course.step(SOON, covered=["E4"])] == []

    def test_the_other_carriageway_is_its_own(self, course: Course) -> None:
        both = SOON | {"W3": LIKELY}
        course.step(both)
        assert len(course.step(both)) == 2


class TestLife:
    def test_it_stands_until_it_is_improbable(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        probability = {"E3": DOUBTFUL, "E4": DOUBTFUL}
        changes = [change for _ in range(5) for change in course.step(probability)]
        assert CLEARED not in {change.status for change in changes}
        (cleared,) = course.step()
        assert cleared.status is CLEARED
        assert cleared.cleared_at == course.now
        assert cleared.message == "Congestion at I-10 E near E Exit 4 is no longer expected"

    def test_it_ends_when_it_has_come(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        course.step(SOON, from_minutes=10)
        course.step(SOON, current={"E4": 30.0})
        (cleared,) = course.step(SOON, current={"E4": 30.0})
        assert cleared.message == (
            "The congestion expected at I-10 E near E Exit 4 has come, 15 min after it was foreseen"
        )
        assert course.step(SOON, current={"E4": 30.0}) == []

    def test_one_slow_window_is_not_yet_what_was_expected(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        assert all(alert.active for alert in course.step(SOON, current={"E4": 30.0}))
        (cleared,) = course.step()
        assert "no longer expected" in cleared.message

    def test_it_ends_when_another_alert_covers_it(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        (cleared,) = course.step(SOON, covered=["E3"])
        assert "has come" in cleared.message

    def test_a_later_time_is_told_when_it_is_much_later(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        assert course.step(SOON) == []
        (update,) = course.step(SOON)
        assert (update.status, update.revision) == (UPDATED, 2)
        assert update.expected_at == course.now + timedelta(minutes=15)

    def test_growth_is_told(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        (update,) = course.step(SOON | dict.fromkeys(("E0", "E1", "E2"), LIKELY))
        assert update.affected_sensors == ("E0", "E1", "E2", "E3", "E4")
        assert update.alert_id == course.log[0].alert_id

    def test_two_that_grow_together_become_the_older(self, course: Course) -> None:
        first, second = {"E0": LIKELY}, {"E8": LIKELY}
        for slow in (first, first, first | second, first | second):
            course.step(slow)
        older, younger = course.board.active()
        changes = course.step({f"E{number}": LIKELY for number in range(9)})
        gone = next(change for change in changes if change.status is CLEARED)
        assert gone.alert_id == younger.alert_id
        assert older.alert_id in gone.message
        assert course.active.alert_id == older.alert_id

    def test_without_forecasts_it_stands_for_half_an_hour_after_its_time(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        raised = course.active
        assert raised.expected_at is not None
        while course.now + WINDOW < raised.expected_at + timedelta(minutes=30):
            assert course.step(silent=("E3", "E4")) == []
        (cleared,) = course.step(silent=("E3", "E4"))
        assert "forecasts are missing" in cleared.message

    def test_sensors_taken_out_of_the_network_clear_it(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        course.log = [replace(alert, affected_sensors=(SensorId("gone"),)) for alert in course.log]
        assert "no longer has the sensors" in course.step()[0].message

    def test_a_network_that_says_nothing_at_all(self, course: Course) -> None:
        course.step(SOON)
        course.step(SOON)
        assert course.step(silent=[sensor.sensor_id for sensor in course.network.sensors]) == []
        ((cleared,),) = course.detector.silence(course.board, course.now)
        assert "forecasts are missing" in cleared.message


def origins_of(network: Network, seed: int, count: int = 40) -> list[list[TrafficPrediction]]:
    """Origins at which congestion is expected here and there, comes or does not."""
    chance = random.Random(seed)
    names = [sensor.sensor_id for sensor in network.sensors]
    speeds: dict[str, float] = dict.fromkeys(names, FREE)
    now: dict[str, float] = dict.fromkeys(names, 64.0)
    found = []
    for step in range(count):
        for name in names:
            if chance.random() < 0.15:
                speeds[name] = chance.choice([FREE, LIKELY, DOUBTFUL, FREE])
            if chance.random() < 0.05:
                now[name] = chance.choice([64.0, 64.0, 30.0])
        at = START + (step + 1) * WINDOW
        silent = [name for name in names if chance.random() < 0.02]
        found.append(predicted(network, at, speeds, dict(now), chance.choice(HORIZONS), silent))
    return found


class Service:
    """A partition of predictions and the alerts log; may die and start again anywhere."""

    def __init__(self, network: Network, origins: Iterable[list[TrafficPrediction]]) -> None:
        self.network = network
        self.predictions = [one for told in origins for one in told]
        self.committed = 0
        self.log: list[TrafficAlert] = []
        self.clock = 0.0
        self.start()

    def start(self) -> None:
        self.alerts = ExpectedAlerts(
            {self.network.network_id: ExpectationDetector(self.network, ExpectationRule())},
            {self.network.network_id: AlertBoard.rebuilt(self.network, AlertType.CONGESTION, self.log)},
            settle_seconds=5.0,
            silence_seconds=1800.0,
            covered=lambda _: (),
            published=lambda changes: changes,
        )
        self.alerts.rebuild(self.predictions[: self.committed], self.clock)

    def read(self, *, committed: bool = True) -> bool:
        """Handle the next record; false where there is none."""
        if self.committed == len(self.predictions):
            return False
        changes = self.alerts.handle([self.predictions[self.committed]], self.clock)
        self.log += [alert for change in changes for alert in change.alerts]
        self.committed += committed
        return True

    def settle(self) -> None:
        self.clock += 6.0
        self.log += [alert for change in self.alerts.tick(self.clock) for alert in change.alerts]

    def read_on(self) -> None:
        while self.read():
            pass

    def read_all(self) -> list[TrafficAlert]:
        self.read_on()
        self.settle()
        return self.log


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(seed=st.integers(0, 10_000), order=st.randoms(use_true_random=False))
def test_restarts_change_nothing(make_network: MakeNetwork, seed: int, order: random.Random) -> None:
    network = make_network([mile / 2 for mile in range(8)])
    origins = origins_of(network, seed)
    straight = Service(network, origins).read_all()
    broken = Service(network, origins)
    for _ in range(len(broken.predictions) // 2):
        broken.read(committed=order.random() < 0.98)
        if order.random() < 0.02:
            broken.start()
    assert broken.read_all() == straight
    times = [(alert.alert_id, alert.revision) for alert in straight]
    assert len(times) == len(set(times))
    for alert_id in {alert.alert_id for alert in straight}:
        life = [alert.status for alert in straight if alert.alert_id == alert_id]
        assert life[0] is RAISED
        assert RAISED not in life[1:]
        assert CLEARED not in life[:-1]


class TestProcessor:
    def two_origins(self, network: Network) -> list[list[TrafficPrediction]]:
        return [predicted(network, START + number * WINDOW, SOON) for number in (1, 2)]

    def test_an_origin_is_judged_as_soon_as_all_sensors_spoke(self, road: Network) -> None:
        service = Service(road, self.two_origins(road))
        service.read_on()
        assert [alert.status for alert in service.log] == [RAISED]

    def test_an_incomplete_one_when_nothing_more_comes(self, road: Network) -> None:
        service = Service(road, [told[1:] for told in self.two_origins(road)])
        service.read_on()
        assert service.log == []
        service.settle()
        assert [alert.status for alert in service.log] == [RAISED]

    def test_models_beside_the_one_that_serves_do_not_count(self, road: Network) -> None:
        beside = [[replace(one, serving=False) for one in told] for told in self.two_origins(road)]
        assert Service(road, beside).read_all() == []

    def test_other_networks_do_not_count(self, road: Network) -> None:
        other = [[replace(one, network_id=NetworkId("other")) for one in told] for told in self.two_origins(road)]
        assert Service(road, other).read_all() == []

    def test_a_network_of_another_partition_is_not_judged(self, road: Network) -> None:
        service = Service(road, self.two_origins(road))
        detector = ExpectationDetector(road, ExpectationRule())
        stranger = ExpectedAlerts(
            {road.network_id: detector},
            {},
            settle_seconds=5.0,
            silence_seconds=1800.0,
            covered=lambda _: (),
            published=lambda changes: changes,
        )
        stranger.rebuild([], 0.0)
        assert not stranger.handle(service.predictions, 0.0)
        assert not stranger.tick(6.0)
        assert stranger.active == 0

    def test_a_sensor_that_the_network_has_not_does_not_complete_an_origin(self, road: Network) -> None:
        first, second = self.two_origins(road)
        unknown = replace(second[0], sensor_id=SensorId("taken away"))
        service = Service(road, [first, [*second[1:], unknown], second[:1]])
        for _ in range(len(first) + len(second)):
            service.read()
        assert service.log == [], "one sensor has not spoken"
        with structlog.testing.capture_logs() as logged:
            service.alerts.handle([unknown], 0.0)
        assert not logged, "it was named before"
        service.read()
        assert [alert.status for alert in service.log] == [RAISED]

    def test_what_is_covered_is_blocked(self, road: Network) -> None:
        alerts = ExpectedAlerts(
            {road.network_id: ExpectationDetector(road, ExpectationRule())},
            {road.network_id: AlertBoard(road, AlertType.CONGESTION)},
            settle_seconds=5.0,
            silence_seconds=1800.0,
            covered=lambda _: [sensor.sensor_id for sensor in road.sensors],
            published=lambda changes: changes,
        )
        assert not alerts.handle([one for told in self.two_origins(road) for one in told], 0.0)

    @pytest.mark.parametrize("off", [False, True])
    def test_a_sensor_whose_clock_is_off_lets_expect_nothing(self, road: Network, *, off: bool) -> None:
        alerts = ExpectedAlerts(
            {road.network_id: ExpectationDetector(road, ExpectationRule())},
            {road.network_id: AlertBoard(road, AlertType.CONGESTION)},
            settle_seconds=5.0,
            silence_seconds=1800.0,
            covered=lambda _: (),
            published=lambda changes: changes,
            doubted=lambda _: [sensor.sensor_id for sensor in road.sensors] if off else (),
        )
        changes = alerts.handle([one for told in self.two_origins(road) for one in told], 0.0)
        assert bool(changes) is not off

    def test_forecasts_of_a_silent_network_are_no_news(self, road: Network) -> None:
        """They neither raise nor clear, nor are in the way of those that come late by all that was measured."""
        first, second = self.two_origins(road)

        def unmeasured(told: list[TrafficPrediction]) -> list[TrafficPrediction]:
            return [replace(one, revision=0, current_speed_mph=None) for one in told]

        free = unmeasured(predicted(road, START + 3 * WINDOW, {}))
        assert Service(road, [unmeasured(first), unmeasured(second)]).read_all() == []
        service = Service(road, [unmeasured(first), unmeasured(second), free, first, second, free])
        assert [alert.status for alert in service.read_all()] == [RAISED]
        service.clock += 1801.0
        (change,) = service.alerts.tick(service.clock)
        assert [alert.status for alert in change.alerts] == [CLEARED], "unknown for long, whatever is said of the usual"

    def test_a_correction_counts_while_its_origin_waits(self, road: Network) -> None:
        first, second = self.two_origins(road)
        free = [replace(one, revision=2) for one in predicted(road, START + 2 * WINDOW, {})]
        service = Service(road, [first, second[1:], free[1:], second[:1]])
        assert service.read_all() == []

    def test_silence_clears(self, road: Network) -> None:
        service = Service(road, self.two_origins(road))
        service.read_all()
        service.clock += 1800.0
        service.settle()
        assert [alert.status for alert in service.log] == [RAISED, CLEARED]
        assert service.log[-1].cleared_at == START + 2 * WINDOW + timedelta(minutes=30)

    def test_how_far_back_state_reaches(self, road: Network) -> None:
        one = predicted(road, START, {})[0]
        some = [replace(one, timestamp=START + number * WINDOW) for number in range(4)]
        alerts = Service(road, []).alerts
        assert not alerts.enough(some[:3])
        assert alerts.enough(some)
        assert alerts.enough([*some, replace(one, network_id=NetworkId("other"))])
