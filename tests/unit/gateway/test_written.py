"""Rows are written once, and never told as they no longer are."""

import inspect
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from unittest.mock import patch

import pytest
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from services.gateway.alerts.alert import Alert
from services.gateway.responses import Prediction, SensorReport
from services.gateway.routes import (
    advisories,
    alerts,
    health,
    history,
    models,
    predictions,
    root,
    sensors,
    tickets,
)
from services.gateway.views.predictions import PredictionQuery
from services.gateway.views.traffic import TrafficView
from services.gateway.written import WrittenRows, json_list
from shared.events.records import NetworkId, ProcessedTrafficAggregate, TrafficAlert, TrafficPrediction

Build = Callable[..., TrafficPrediction]
BuildAlert = Callable[..., TrafficAlert]
BuildWindow = Callable[..., ProcessedTrafficAggregate]
ALL = PredictionQuery(limit=1000)


def rows_of(written: WrittenRows, view: TrafficView) -> list[bytes]:
    return [written.forecast(each) for each in view.forecasts(ALL)]


def fresh(view: TrafficView) -> list[bytes]:
    return [Prediction.of(each).model_dump_json().encode() for each in view.forecasts(ALL)]


def test_rows_are_written_once_and_again_when_their_outcome_is_known(
    view: TrafficView, prediction: Build, window: BuildWindow
) -> None:
    written = WrittenRows()
    view.apply(prediction(1))
    first = rows_of(written, view)
    assert first == fresh(view)
    with patch.object(Prediction, "of", side_effect=AssertionError):
        assert all(one is other for one, other in zip(rows_of(written, view), first, strict=True))
    for step in range(1, 14):
        view.apply(window(step, speed=40.0))
        assert rows_of(written, view) == fresh(view)
    assert all(json.loads(row)["actual_speed"] == 40.0 for row in rows_of(written, view))


def test_a_correction_is_another_row(view: TrafficView, prediction: Build) -> None:
    written = WrittenRows()
    for revision in (1, 2):
        made = prediction(1)
        view.apply(replace(made, revision=revision, model_version=f"{revision}"))
        assert rows_of(written, view) == fresh(view)


def test_no_more_are_kept_than_was_said(view: TrafficView, prediction: Build) -> None:
    written = WrittenRows(most=5)
    for step in range(1, 6):
        view.apply(prediction(step))
        assert rows_of(written, view) == fresh(view)
        assert len(written) <= 5


def test_a_sensor_is_written_again_when_it_has_news(view: TrafficView, window: BuildWindow) -> None:
    written, told = WrittenRows(), list[bytes]()
    for step in (1, 2, 2, 3):
        view.apply(window(step, speed=50.0 + step))
        told = [written.sensor(state) for state in view.sensors(NetworkId("toy"))]
        assert told == [SensorReport.of(state).model_dump_json().encode() for state in view.sensors(NetworkId("toy"))]
    with patch.object(SensorReport, "of", side_effect=AssertionError):
        assert [written.sensor(state) for state in view.sensors(NetworkId("toy"))] == told


def test_an_alert_is_written_again_when_it_changes(alert: BuildAlert) -> None:
    written = WrittenRows()
    one = alert(1, "a")
    for message in ("first", "second", "second", "third"):
        one = replace(one, message=message)
        assert written.alert(one) == Alert.of(one).model_dump_json().encode()
    with patch.object(Alert, "of", side_effect=AssertionError):
        assert json.loads(written.alert(one))["message"] == "third"


@pytest.mark.parametrize("rows", [(), (b"1",), (b'{"a":1}', b"2")])
def test_a_list_is_json(rows: tuple[bytes, ...]) -> None:
    answer = json_list(rows)
    assert json.loads(bytes(answer.body)) == [json.loads(row) for row in rows]
    assert answer.media_type == "application/json"


def calls_of(dependant: Dependant) -> Iterator[object]:
    if dependant.call is not None:
        yield dependant.call
    for each in dependant.dependencies:
        yield from calls_of(each)


def test_no_request_hops_into_a_thread() -> None:
    """FastAPI runs what is no coroutine in a pool of threads: under a flood each request would wait for one."""
    modules = (root, health, predictions, alerts, advisories, sensors, models, history, tickets)
    routes = [route for module in modules for route in module.router.routes if isinstance(route, APIRoute)]
    assert len(routes) > 10
    hopping = {
        f"{route.path}: {call}"
        for route in routes
        for call in calls_of(route.dependant)
        if not (inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(type(call).__call__))
    }
    assert not hopping
