from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from shared.events.records import HorizonForecast, NetworkId, ProcessedTrafficAggregate, SensorId, TrafficPrediction
from shared.store.outcomes import LONGEST_HORIZON, with_outcomes
from tests.kit.windows import processed_window

START = datetime(2012, 5, 2, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
NETWORK = NetworkId("n")


def prediction(step: int, sensor: str = "a", horizons: int = 3) -> TrafficPrediction:
    origin = START + step * WINDOW
    return TrafficPrediction(
        NETWORK,
        SensorId(sensor),
        origin,
        "ensemble",
        "1",
        1,
        60.0,
        tuple(HorizonForecast(5 * n, origin + n * WINDOW, 60.0, 50.0, 70.0, 0.5) for n in range(1, horizons + 1)),
    )


def window(end_step: int, sensor: str = "a", speed: float | None = None) -> ProcessedTrafficAggregate:
    """The window that ends `end_step` windows after START, at `end_step` mph where nothing else is said."""
    mean = float(end_step) if speed is None else speed
    return processed_window(NETWORK, sensor, START + (end_step - 1) * WINDOW, mean)


def outcomes(
    predictions: list[TrafficPrediction], windows: list[ProcessedTrafficAggregate]
) -> list[tuple[float | None, ...]]:
    def before(end: datetime) -> Iterator[ProcessedTrafficAggregate]:
        return iter([each for each in windows if each.window_start < end])

    found = list(with_outcomes(iter(predictions), before))
    assert [each.prediction for each in found] == predictions
    return [each.actual_speeds_mph for each in found]


def test_each_horizon_has_the_window_that_ends_at_its_target() -> None:
    windows = [window(step) for step in range(6, 0, -1)]
    assert outcomes([prediction(5), prediction(4), prediction(2)], windows) == [
        (6.0, None, None),
        (5.0, 6.0, None),
        (3.0, 4.0, 5.0),
    ]


def test_sensors_and_models_of_one_origin_share_the_windows() -> None:
    windows = [window(2, "a", 10.0), window(2, "b", 20.0), window(1, "a"), window(1, "b")]
    made = [prediction(0, "a"), prediction(0, "b"), prediction(0, "c")]
    assert outcomes(made, windows) == [(1.0, 10.0, None), (1.0, 20.0, None), (None, None, None)]


def test_nothing_predicted_reads_no_windows() -> None:
    def refuse(_: datetime) -> Iterator[ProcessedTrafficAggregate]:
        raise AssertionError

    assert list(with_outcomes(iter([]), refuse)) == []


def test_windows_are_read_only_as_far_as_needed() -> None:
    read = []

    def before(end: datetime) -> Iterator[ProcessedTrafficAggregate]:
        assert end == prediction(10).timestamp + LONGEST_HORIZON
        for step in range(40, 0, -1):
            read.append(step)
            yield window(step)

    list(with_outcomes(iter([prediction(10)]), before))
    # The window that ends at the origin was looked at, and none before.
    assert read[-1] == 10


@given(
    st.sets(st.tuples(st.integers(0, 60), st.sampled_from("ab"))),
    st.sets(st.tuples(st.integers(1, 70), st.sampled_from("ab"))),
)
def test_as_a_plain_lookup_finds(made: set[tuple[int, str]], measured: set[tuple[int, str]]) -> None:
    predictions = [prediction(*each, horizons=12) for each in sorted(made, key=lambda each: (-each[0], each[1]))]
    windows = [window(*each) for each in sorted(measured, key=lambda each: (-each[0], each[1]))]
    assert outcomes(predictions, windows) == [
        tuple(
            float(end)
            if ((end := round((each.target_timestamp - START) / WINDOW)), str(one.sensor_id)) in measured
            else None
            for each in one.horizons
        )
        for one in predictions
    ]
