import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from services.gateway.views.predictions import ALL_MODELS, Position, PredictionQuery, PredictionsView
from services.gateway.views.traffic import TrafficView
from services.gateway.views.where import Where
from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.records import HorizonForecast, NetworkId, SensorId, TrafficPrediction
from shared.traffic.network import Network
from tests.kit.networks import UTC_ZONE, along, network_of

Build = Callable[..., TrafficPrediction]
EVERYTHING = PredictionQuery(limit=10_000)
START, WINDOW = datetime(2012, 5, 2, 15, 0, tzinfo=UTC), timedelta(minutes=5)
TOY, S0, S1 = NetworkId("toy"), SensorId("s0"), SensorId("s1")


# A step, a network, a sensor and a model.
MADE = st.tuples(
    st.integers(1, 4),
    st.sampled_from(["toy", "twin"]),
    st.sampled_from(["s0", "s1", "s2"]),
    st.sampled_from(["a", "b"]),
)


@pytest.fixture
def predictions(networks: dict[NetworkId, Network]) -> PredictionsView:
    return PredictionsView(networks, timedelta(minutes=60))


def found(view: PredictionsView, query: PredictionQuery) -> list[tuple[str, int, str, int]]:
    return [
        (made.sensor_id, made.timestamp.minute, made.model_name, horizon.horizon_minutes)
        for _, made, horizon in view.find(query)
    ]


def test_newest_origin_first_then_sensors_and_horizons_in_order(
    predictions: PredictionsView, prediction: Build
) -> None:
    for step, sensor_id, model in [(1, "s1", "b"), (2, "s1", "a"), (2, "s0", "b"), (1, "s0", "b")]:
        predictions.apply(prediction(step, sensor_id, model))
        predictions.apply(prediction(step, sensor_id, "c", serving=False))
    query = replace(EVERYTHING, horizon_minutes=5)
    assert found(predictions, query) == [
        ("s0", 10, "b", 5),
        ("s1", 10, "a", 5),
        ("s0", 5, "b", 5),
        ("s1", 5, "b", 5),
    ]
    assert [row[3] for row in found(predictions, replace(EVERYTHING, limit=4))] == [5, 10, 15, 5]


def test_a_model_that_does_not_serve_is_found_by_its_name(predictions: PredictionsView, prediction: Build) -> None:
    for model, serving in (("a", False), ("b", True), ("c", False)):
        predictions.apply(prediction(1, model=model, serving=serving))
    query = replace(EVERYTHING, horizon_minutes=5)
    assert found(predictions, query) == [("s0", 5, "b", 5)]
    for model in "abc":
        assert found(predictions, replace(query, model_name=model)) == [("s0", 5, model, 5)]
    assert predictions.model_names == {"a", "b", "c"}
    assert predictions.served_names == {"b"}


def test_after_a_promotion_the_later_answer_counts(predictions: PredictionsView, prediction: Build) -> None:
    predictions.apply(prediction(1, model="b", revision=1))
    predictions.apply(prediction(1, model="a", revision=1, serving=False))
    # A late reading re-makes the step after `a` was promoted; `b` was skipped, or comes later.
    predictions.apply(prediction(1, model="a", revision=2))
    query = replace(EVERYTHING, horizon_minutes=5)
    assert found(predictions, query) == [("s0", 5, "a", 5)]
    predictions.apply(prediction(1, model="b", revision=2, serving=False))
    assert found(predictions, query) == [("s0", 5, "a", 5)]
    changed, gone = predictions.take_changes()
    assert (changed[TOY, S0, None].model_name, changed[TOY, S0, None].revision) == ("a", 2)
    assert not gone


def test_an_answer_that_is_withdrawn_is_gone(predictions: PredictionsView, prediction: Build) -> None:
    predictions.apply(prediction(1, revision=1))
    predictions.take_changes()
    predictions.apply(prediction(1, revision=2, serving=False))
    changed, gone = predictions.take_changes()
    assert list(changed) == [(TOY, S0, "linear_regression")]
    assert list(gone) == [(TOY, S0, None)]
    assert predictions.served_names == frozenset()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    before=st.lists(MADE, max_size=25),
    meanwhile=st.lists(st.lists(MADE, max_size=4), max_size=8),
    size=st.integers(1, 7),
    model=st.sampled_from([None, "b", ALL_MODELS]),
    pinned=st.booleans(),
)
def test_pages_have_everything_once_whatever_comes_meanwhile(
    networks: dict[NetworkId, Network],
    prediction: Build,
    before: list[tuple[int, str, str, str]],
    meanwhile: list[list[tuple[int, str, str, str]]],
    size: int,
    model: str | None,
    *,
    pinned: bool,
) -> None:
    """What is there from the first page to the last one is on one of them; nothing is on two."""
    twin = NetworkId("twin")
    both = networks | {twin: replace(networks[TOY], network_id=twin)}
    view = PredictionsView(both, timedelta(minutes=600))

    def apply(made: tuple[int, str, str, str]) -> None:
        step, network_id, sensor_id, name = made
        view.apply(prediction(step, sensor_id, name, network_id=NetworkId(network_id), serving=name == "a"))

    for each in before:
        apply(each)
    query = PredictionQuery(size, model_name=model, only=view.newest_origins() if pinned else None)
    first = [Position.of(made, each) for _, made, each in view.find(replace(query, limit=10_000))]
    seen: list[Position] = []
    arriving = iter(meanwhile)
    while page := [Position.of(made, each) for _, made, each in view.find(query)]:
        assert len(page) <= size
        seen += page
        query = replace(query, after=page[-1])
        for each in next(arriving, ()):
            apply(each)
    assert len(seen) == len(set(seen))
    assert set(first) <= set(seen)
    if pinned:
        assert {each.timestamp for each in seen} == {each.timestamp for each in first}
    if not any(meanwhile):
        assert seen == first


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 17, 18, 19])
def test_the_limit_cuts_the_same_list(predictions: PredictionsView, prediction: Build, limit: int) -> None:
    for step in (1, 2):
        for sensor_id in ("s0", "s1", "s2"):
            predictions.apply(prediction(step, sensor_id))
    assert found(predictions, replace(EVERYTHING, limit=limit)) == found(predictions, EVERYTHING)[:limit]


@pytest.mark.parametrize(
    ("restriction", "expected"),
    [
        ({"where": Where(frozenset({S1}))}, {"s1"}),
        ({"where": Where(frozenset({S0, S1}))}, {"s0", "s1"}),
        ({"where": Where(frozenset({SensorId("nowhere")}))}, set()),
        ({"where": Where(road_type="ramp")}, {"s2"}),
        ({"where": Where(frozenset({S1}), road_type="ramp")}, set()),
        ({"where": Where(freeway="I-10")}, {"s0", "s1", "s2"}),
        ({"where": Where(freeway="I-10", direction="W")}, set()),
        ({"start": START + 1 * WINDOW}, {"s0", "s1", "s2"}),
        ({"start": START + 2 * WINDOW}, set()),
        ({"end": START + 1 * WINDOW}, set()),
        ({"only": {TOY: START + 1 * WINDOW}}, {"s0", "s1", "s2"}),
        ({"only": {TOY: START + 2 * WINDOW}}, set()),
        ({"only": {}}, set()),
        ({"network_id": NetworkId("toy")}, {"s0", "s1", "s2"}),
        ({"network_id": NetworkId("other")}, set()),
        ({"model_name": "linear_regression"}, {"s0", "s1", "s2"}),
        ({"model_name": "other"}, set()),
        ({"horizon_minutes": 10}, {"s0", "s1", "s2"}),
        ({"horizon_minutes": 7}, set()),
        ({"min_confidence": 0.95}, {"s2"}),
    ],
)
def test_filters(
    predictions: PredictionsView, prediction: Build, restriction: dict[str, object], expected: set[str]
) -> None:
    for sensor_id in ("s0", "s1"):
        predictions.apply(prediction(1, sensor_id))
    predictions.apply(prediction(1, "s2", confidences=(0.99, 0.98, 0.97)))
    rows = list(predictions.find(replace(EVERYTHING, **restriction)))  # type: ignore[arg-type]  # each case its own type
    assert {sensor.sensor_id for sensor, _, _ in rows} == expected


def test_the_highest_revision_wins_whatever_the_order(predictions: PredictionsView, prediction: Build) -> None:
    assert predictions.apply(prediction(1, revision=5, model_version="five"))
    assert not predictions.apply(prediction(1, revision=4, model_version="four"))
    assert not predictions.apply(prediction(1, revision=5, model_version="again"))
    assert predictions.apply(prediction(1, revision=6, model_version="six"))
    assert {made.model_version for _, made, _ in predictions.find(EVERYTHING)} == {"six"}


def test_only_the_newest_origins_are_kept(predictions: PredictionsView, prediction: Build) -> None:
    for step in range(1, 21):
        predictions.apply(prediction(step))
    origins = {made.timestamp for _, made, _ in predictions.find(EVERYTHING)}
    assert origins == {prediction(step).timestamp for step in range(9, 21)}
    assert not predictions.apply(prediction(1))


def fill(view: PredictionsView, prediction: Build, steps: Iterable[int]) -> None:
    for step in steps:
        for sensor_id in ("s0", "s1", "s2"):
            for model in "abc":
                view.apply(prediction(step, sensor_id, model, serving=model == "b"))


@pytest.mark.parametrize("backwards", [False, True], ids=["following", "rebuilding"])
def test_beyond_the_most_predictions_the_oldest_compared_go_first(
    networks: dict[NetworkId, Network], prediction: Build, *, backwards: bool
) -> None:
    view = PredictionsView(networks, timedelta(minutes=60), max_predictions=50)
    steps = range(1, 11)
    fill(view, prediction, reversed(steps) if backwards else steps)
    query = replace(EVERYTHING, horizon_minutes=5)

    def origins(model: str | None) -> set[int]:
        return {minute // 5 for _, minute, _, _ in found(view, replace(query, model_name=model))}

    # 10 origins of 3 sensors are 30 that were served; 3 more origins have their 6 others too.
    assert origins(None) == set(steps)
    assert origins("a") == origins("c") == {8, 9, 10}
    assert not view.apply(prediction(1, "s0", "a", serving=False))


def test_the_newest_origin_is_kept_whatever_its_size(networks: dict[NetworkId, Network], prediction: Build) -> None:
    view = PredictionsView(networks, timedelta(minutes=60), max_predictions=5)
    fill(view, prediction, (1, 2))
    query = replace(EVERYTHING, horizon_minutes=5)
    assert {minute for _, minute, _, _ in found(view, query)} == {10}
    assert len(found(view, replace(query, model_name="a"))) == 3
    assert not view.apply(prediction(1, "s0", "b"))
    # What went is taken away first; then the newest of the same sensors and models is put in its place.
    changed, gone = view.take_changes()
    assert set(gone) <= set(changed)
    assert {made.timestamp.minute for made in changed.values()} == {10}


def test_changes_are_the_newest_of_each_sensor_and_model_once(predictions: PredictionsView, prediction: Build) -> None:
    for step in (2, 1, 3):
        predictions.apply(prediction(step))
    predictions.apply(prediction(3, "s1"))
    predictions.apply(prediction(3, "s1", "compared", serving=False))
    assert predictions.take_changes() == (
        {
            (TOY, S0, "linear_regression"): prediction(3),
            (TOY, S0, None): prediction(3),
            (TOY, S1, "linear_regression"): prediction(3, "s1"),
            (TOY, S1, None): prediction(3, "s1"),
            (TOY, S1, "compared"): prediction(3, "s1", "compared", serving=False),
        },
        {},
    )
    assert predictions.take_changes() == ({}, {})
    predictions.apply(prediction(2, revision=9))
    assert predictions.take_changes() == ({}, {})


def test_a_sensor_that_fell_silent_is_gone_when_its_origin_is(predictions: PredictionsView, prediction: Build) -> None:
    predictions.apply(prediction(1, "s1"))
    predictions.take_changes()
    for step in range(2, 14):
        predictions.apply(prediction(step))
    changed, gone = predictions.take_changes()
    assert {sensor_id for _, sensor_id, _ in changed} == {"s0"}
    assert gone == dict.fromkeys([(TOY, S1, "linear_regression"), (TOY, S1, None)], prediction(1, "s1"))
    assert predictions.model_names == {"linear_regression"}


def test_what_the_api_could_not_show_is_rejected(predictions: PredictionsView, prediction: Build) -> None:
    good = prediction(1).horizons[0]
    for reason, horizon in [
        (RejectionReason.SPEED_OUT_OF_RANGE, replace(good, predicted_speed_mph=121.0)),
        (RejectionReason.SPEED_OUT_OF_RANGE, replace(good, lower_speed_mph=-1.0)),
        (RejectionReason.SPEED_OUT_OF_RANGE, replace(good, upper_speed_mph=math.inf)),
        (RejectionReason.INVALID_FIELD, replace(good, confidence_score=math.nan)),
        (RejectionReason.INVALID_FIELD, replace(good, congestion_probability=1.5)),
        (RejectionReason.INVALID_FIELD, replace(good, horizon_minutes=0)),
    ]:
        with pytest.raises(RejectedEventError) as rejected:
            predictions.apply(prediction(1, horizons=(good, horizon)))
        assert rejected.value.reason is reason
    assert not list(predictions.find(EVERYTHING))


def test_two_networks_are_merged_by_time(networks: dict[NetworkId, Network], prediction: Build) -> None:
    other = NetworkId("other")
    networks[other] = network_of(*networks[NetworkId("toy")].sensors, network_id=other, time_zone=UTC_ZONE)
    view = PredictionsView(networks, timedelta(minutes=60))
    for step, network_id in [(1, "toy"), (2, other), (3, "toy"), (3, other)]:
        view.apply(prediction(step, network_id=NetworkId(network_id)))
    rows = [
        (made.network_id, made.timestamp.minute) for _, made, _ in view.find(replace(EVERYTHING, horizon_minutes=5))
    ]
    assert rows == [("toy", 15), ("other", 15), ("other", 10), ("toy", 5)]


def test_outcomes_and_current_speeds_come_from_the_windows(
    view: TrafficView, prediction: Build, window: Callable[..., object]
) -> None:
    view.apply(prediction(1, current_speed_mph=None))
    query = replace(EVERYTHING, horizon_minutes=10)
    (before,) = view.forecasts(query)
    assert (before.current_speed_mph, before.actual_speed_mph) == (None, None)
    view.apply(window(1, speed=58.0))  # type: ignore[arg-type]  # a window
    view.apply(window(3, speed=33.0))  # type: ignore[arg-type]  # a window
    (after,) = view.forecasts(query)
    assert (after.current_speed_mph, after.actual_speed_mph) == (58.0, 33.0)
    assert view.event_time == window(3).window_end  # type: ignore[attr-defined]  # a window


ARRIVALS = st.lists(
    st.tuples(
        st.integers(0, 30),
        st.sampled_from(["s0", "s1", "s2"]),
        st.sampled_from("ab"),
        st.integers(1, 3),
        st.booleans(),
    ),
    max_size=80,
)


@given(ARRIVALS, st.integers(1, 50), st.sampled_from([None, 5, 10]), st.sampled_from([None, "a"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_find_is_what_a_plain_sort_finds(
    networks: dict[NetworkId, Network],
    prediction: Build,
    arrivals: list[tuple[int, str, str, int, bool]],
    limit: int,
    horizon: int | None,
    model: str | None,
) -> None:
    view = PredictionsView(networks, timedelta(minutes=60))
    latest: dict[tuple[int, str, str], TrafficPrediction] = {}
    for step, sensor_id, name, revision, serving in arrivals:
        made = prediction(step, sensor_id, name, revision=revision, serving=serving)
        view.apply(made)
        known = latest.get((step, sensor_id, name))
        if known is None or known.revision < revision:
            latest[step, sensor_id, name] = made
    kept = sorted({made.timestamp for made in latest.values()})[-12:]

    def wanted(made: TrafficPrediction, each: HorizonForecast) -> bool:
        if made.timestamp not in kept or horizon not in {None, each.horizon_minutes}:
            return False
        if model is not None:
            return made.model_name == model
        rivals = [
            one
            for (_, sensor_id, _), one in latest.items()
            if one.serving and (sensor_id, one.timestamp) == (made.sensor_id, made.timestamp)
        ]
        return made.serving and made is max(
            sorted(rivals, key=lambda one: one.model_name), key=lambda one: one.revision
        )

    plain = sorted(
        ((made, each) for made in latest.values() for each in made.horizons if wanted(made, each)),
        key=lambda row: (-row[0].timestamp.timestamp(), row[0].sensor_id, row[0].model_name, row[1].horizon_minutes),
    )
    query = PredictionQuery(limit=limit, horizon_minutes=horizon, model_name=model)
    assert [(made, each) for _, made, each in view.find(query)] == plain[:limit]


@pytest.mark.parametrize(("minutes", "shown"), [(1, 12), (2, 14), (5, 15), (10, 10), (15, 15), (20, 20), (60, 60)])
def test_the_default_horizon_is_the_nearest_that_a_network_has(minutes: int, shown: int, prediction: Build) -> None:
    window = timedelta(minutes=minutes)
    made = prediction(12 * minutes, "s0", "a")
    horizons = tuple(
        replace(made.horizons[0], horizon_minutes=ahead * minutes, target_timestamp=made.timestamp + ahead * window)
        for ahead in range(1, 13)
    )
    one = network_of(*along("I-10 E", ["s0"]), network_id=TOY, window=window, reading_interval=window)
    view = PredictionsView({TOY: one}, timedelta(minutes=60))
    view.apply(replace(made, horizons=horizons))
    assert [row[3] for row in found(view, replace(EVERYTHING, horizon_minutes=DEFAULT_HORIZON_MINUTES))] == [shown]
    assert len(found(view, EVERYTHING)) == 12
    assert found(view, replace(EVERYTHING, horizon_minutes=7 * minutes + 1000)) == []
