"""What every store promises about predictions."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.records import HorizonForecast, NetworkId, PredictionBasis, SensorId, TrafficPrediction
from shared.store.port import Store

STEP = timedelta(minutes=5)
START = datetime(2012, 5, 2, 7, 0, tzinfo=UTC)
# The store is shared by all examples, each of which uses a network of its own.
SHARED_STORE = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def prediction(
    network: NetworkId,
    sensor: str = "767541",
    step: int = 0,
    model: str = "linear_regression",
    revision: int = 1,
    horizons: int = 12,
) -> TrafficPrediction:
    origin = START + step * STEP
    return TrafficPrediction(
        network_id=network,
        sensor_id=SensorId(sensor),
        timestamp=origin,
        model_name=model,
        model_version="20120501T000000Z",
        revision=revision,
        current_speed_mph=61.25,
        horizons=tuple(
            HorizonForecast(
                horizon_minutes=5 * number,
                target_timestamp=origin + number * STEP,
                predicted_speed_mph=60.1 + revision,
                lower_speed_mph=50.2,
                upper_speed_mph=70.3,
                confidence_score=1 / (1 + number),
                congestion_probability=None if number == 1 else number / 16,
            )
            for number in range(1, 1 + horizons)
        ),
    )


def identities(found: list[TrafficPrediction]) -> list[tuple[str, int, str]]:
    return [(one.sensor_id, int((one.timestamp - START) / STEP), one.model_name) for one in found]


def test_a_prediction_is_read_as_it_was_put(store: Store, network: NetworkId) -> None:
    put = [
        prediction(network, "a"),
        replace(prediction(network, "b", horizons=1), current_speed_mph=None, basis=PredictionBasis.IMPUTED),
        prediction(network, "c", horizons=0),
    ]
    store.put_predictions(put)
    found = list(store.predictions(network))
    assert found == put
    assert all(one.timestamp.tzinfo is UTC for one in found)
    assert all(forecast.target_timestamp.tzinfo is UTC for one in found for forecast in one.horizons)


def test_what_was_served_can_be_told_from_what_was_compared(store: Store, network: NetworkId) -> None:
    served = [prediction(network, sensor, step, "ensemble") for step in (1, 0) for sensor in "ab"]
    compared = [
        replace(one, model_name=name, serving=False) for one in served for name in ("neural_network", "xgboost")
    ]
    store.put_predictions([*served, *compared])
    assert list(store.predictions(network, serving=True)) == served
    assert list(store.predictions(network, serving=True, limit=3)) == served[:3]
    assert list(store.predictions(network, serving=False)) == compared
    assert list(store.predictions(network, model_name="xgboost", serving=True)) == []
    # The next revision may be served by another model.
    store.put_predictions([replace(one, serving=False, revision=2) for one in served])
    assert list(store.predictions(network, serving=True)) == []


def test_nothing_put_is_no_error(store: Store) -> None:
    store.put_predictions([])


def test_newest_first_then_by_sensor_and_model(store: Store, network: NetworkId) -> None:
    models = ("historical_average", "linear_regression")
    everything = [(sensor, step, model) for step in (2, 1, 0) for sensor in "ab" for model in models]
    store.put_predictions([prediction(network, sensor, step, model) for sensor, step, model in everything[::-1]])
    assert identities(list(store.predictions(network))) == everything
    assert identities(list(store.predictions(network, limit=5))) == everything[:5]
    of_sensor = [(sensor, step, model) for sensor, step, model in everything if sensor == "b"]
    assert identities(list(store.predictions(network, SensorId("b")))) == of_sensor
    of_model = [(sensor, step, model) for sensor, step, model in everything if model == "linear_regression"]
    assert identities(list(store.predictions(network, model_name="linear_regression"))) == of_model
    both = store.predictions(network, SensorId("b"), model_name="linear_regression", limit=2)
    assert identities(list(both)) == [("b", 2, "linear_regression"), ("b", 1, "linear_regression")]
    assert list(store.predictions(network, model_name="none")) == []


def test_a_range_includes_its_start_and_not_its_end(store: Store, network: NetworkId) -> None:
    store.put_predictions([prediction(network, step=step) for step in range(4)])
    found = store.predictions(network, start=START + STEP, end=START + 3 * STEP)
    assert [step for _, step, _ in identities(list(found))] == [2, 1]


def test_a_sensor_is_found_without_its_network(store: Store, network: NetworkId) -> None:
    sensor = SensorId(f"{network}/sensor")
    store.put_predictions([prediction(network, sensor, step) for step in range(3)])
    found = list(store.predictions(sensor_id=sensor, limit=2))
    assert [step for _, step, _ in identities(found)] == [2, 1]


@given(
    puts=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["x", "y"]), st.integers(1, 5)), max_size=20),
    cut=st.integers(0, 20),
)
@SHARED_STORE
def test_the_highest_revision_wins_in_any_order(
    store: Store, new_network: Callable[[], NetworkId], puts: list[tuple[str, str, int]], cut: int
) -> None:
    network = new_network()
    highest: dict[tuple[str, str], int] = {}
    for sensor, model, revision in puts:
        highest[sensor, model] = max(revision, highest.get((sensor, model), 0))
    for batch in (puts[:cut], puts[cut:], puts[cut:]):
        store.put_predictions([prediction(network, sensor, 0, model, revision) for sensor, model, revision in batch])
    expected = [
        prediction(network, sensor, 0, model, revision) for (sensor, model), revision in sorted(highest.items())
    ]
    assert list(store.predictions(network)) == expected
