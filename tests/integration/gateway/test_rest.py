import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from services.gateway.alerts.alert import Alert
from services.gateway.models.report import ModelDetail, ModelReport
from services.gateway.responses import Aggregate, NetworkReport, Prediction, SensorReport
from shared.events.records import ProcessedTrafficAggregate, SensorId, TrafficPrediction
from shared.kafka.producer import Message
from shared.store.model_records import ModelRole, ModelScore, ServedModel
from shared.traffic.network import Network

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

MODELS = ("linear_regression", "xgboost")
SINCE = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
CARD: dict[str, Any] = {
    "what": "One linear model per sensor and horizon.",
    "results": {"test": {"15": {"mae": 2.9, "rmse": 5.6, "mape": 7.7}, "20": {"mae": 3.1, "rmse": 6.0, "mape": 8.4}}},
    "importance": {"last speed": 0.7, "neighbours": 0.3},
}
PREDICTION_FIELDS = {
    "sensor_id",
    "segment_id",
    "timestamp",
    "target_timestamp",
    "horizon_minutes",
    "road_name",
    "predicted_speed",
    "lower_speed",
    "upper_speed",
    "actual_speed",
    "current_speed",
    "model_name",
    "model_version",
    "serving",
    "basis",
    "confidence_score",
    "congestion_probability",
    "latitude",
    "longitude",
    "road_type",
    "lane_count",
}
ALERT_FIELDS = {
    "alert_id",
    "alert_type",
    "severity",
    "message",
    "location",
    "timestamp",
    "latitude",
    "longitude",
    "affected_sensors",
    "estimated_duration",
    "confidence_score",
    "status",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def client(
    open_world: Callable[[Path], AbstractAsyncContextManager[Any]],
    tmp_path_factory: pytest.TempPathFactory,
    start_gateway: Callable[..., AbstractAsyncContextManager[str]],
    step: Callable[..., list[Message]],
    alert: Callable[..., Message],
    windows: Callable[[int], list[ProcessedTrafficAggregate]],
    predictions: Callable[..., list[TrafficPrediction]],
    score: Callable[..., ModelScore],
    network: Network,
    until_answer: Callable[..., Awaitable[httpx.Response]],
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway that knows four steps of two models and two alerts, with six steps in the store."""
    async with open_world(tmp_path_factory.mktemp("gateway")) as world:
        for number in range(1, 7):
            world.store.put_aggregates(windows(number))
            world.store.put_predictions(predictions(number, MODELS))
            world.store.put_model_scores([score(number, model) for model in MODELS])
        world.store.put_served_models(
            [
                ServedModel(network.network_id, "linear_regression", "1", ModelRole.CHAMPION, SINCE, CARD),
                ServedModel(network.network_id, "xgboost", "2", ModelRole.REFUSED, SINCE, {}, "model.onnx is damaged"),
            ]
        )
        for number in range(1, 5):
            await world.publish(step(number, *MODELS))
        cleared = alert("over", 3, cleared=True, severity="low")
        await world.publish([alert("standing", 2), alert("over", 3, severity="low"), cleared])
        await world.publish([Message("traffic-predictions", b"x", b"garbage")])
        async with start_gateway(world.platform) as url, httpx.AsyncClient(base_url=url) as client:
            await until_answer(client, "/ready", lambda answer: answer.status_code == 200)
            yield client


def problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status
    assert body["instance"] == answer.request.url.path
    assert {"type", "title", "detail"} <= set(body)
    assert isinstance(body, dict)
    return body


async def test_the_root_says_who_answers(client: httpx.AsyncClient) -> None:
    answer = await client.get("/")
    assert set(answer.json()) == {"message", "status", "timestamp", "version"}
    as_browser = await client.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (as_browser.status_code, as_browser.headers["location"]) == (307, "/live-map/")
    as_program = await client.get("/", headers={"Accept": "application/json, text/html;q=0.5"})
    assert as_program.status_code == 200


async def test_the_live_page_loads_nothing_from_outside(client: httpx.AsyncClient) -> None:
    page = await client.get("/live-map/")
    assert page.headers["content-type"].startswith("text/html")
    assert "script-src 'self'" in page.headers["content-security-policy"]
    assert "http" not in page.text
    for script in ("main", "map", "table", "detail", "models", "state", "stream", "format"):
        assert (await client.get(f"/live-map/{script}.js")).status_code == 200
    assert (await client.get("/live-map/style.css")).status_code == 200


async def test_a_page_that_did_not_change_keeps_its_policy(client: httpx.AsyncClient) -> None:
    page = await client.get("/live-map/")
    again = await client.get("/live-map/", headers={"If-None-Match": page.headers["etag"]})
    assert again.status_code == 304
    # A browser takes the headers of a 304 over into what it has kept.
    assert "content-security-policy" not in again.headers


async def test_health_asks_every_part(client: httpx.AsyncClient) -> None:
    health = (await client.get("/health")).json()
    parts = health["services"]
    parts.pop("data")  # depends on how long ago these records were published, see test_ages.py
    assert parts == dict.fromkeys(("database", "kafka", "ml_models", "hdfs"), "healthy")
    assert health["details"]["hdfs"] == "archive in a local folder"
    assert health["details"]["ml_models"] == "predicting: linear_regression; beside: xgboost"


async def test_live_and_metrics(client: httpx.AsyncClient) -> None:
    assert (await client.get("/live")).json() == {"status": "live"}
    await client.get("/api/predictions?limit=1")
    for path in ("/nowhere", "/elsewhere"):
        await client.get(path)
    metrics = (await client.get("/metrics")).text
    assert 'metrla_gateway_requests_total{method="GET",route="/api/predictions",status="200"}' in metrics
    assert 'route="unmatched",status="404"} 2.0' in metrics
    assert "nowhere" not in metrics
    assert "metrla_gateway_rejected_records_total 1.0" in metrics


async def test_predictions_by_default_are_the_newest_of_horizon_15(client: httpx.AsyncClient, network: Network) -> None:
    rows = (await client.get("/api/predictions")).json()
    TypeAdapter(list[Prediction]).validate_python(rows)
    assert len(rows) == 100
    assert set(rows[0]) >= PREDICTION_FIELDS
    assert {row["horizon_minutes"] for row in rows} == {15}
    times = [row["timestamp"] for row in rows]
    assert times == sorted(times, reverse=True)
    newest = rows[: len(network.sensors)]
    assert [row["sensor_id"] for row in newest] == [sensor.sensor_id for sensor in network.sensors]
    assert {(row["timestamp"], row["target_timestamp"]) for row in newest} == {
        ("2012-05-02T15:20:00Z", "2012-05-02T15:35:00Z")
    }
    assert {(row["current_speed"], row["actual_speed"]) for row in newest} == {(54.0, None)}
    assert {(row["model_name"], row["serving"], row["basis"]) for row in rows} == {
        ("linear_regression", True, "trained")
    }


async def test_any_model_can_be_asked_for(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/api/predictions?sensor_id=405N-01&model=xgboost")).json()
    assert [(row["model_name"], row["serving"], row["basis"]) for row in rows] == [("xgboost", False, "imputed")] * 4
    assert [row["actual_speed"] for row in rows] == [None, None, None, 54.0]
    assert (await client.get("/api/predictions?model=ensemble")).json() == []
    for path in ("/api/predictions", "/api/history/predictions"):
        body = problem(await client.get(path, params={"model": "oracle", "sensor_id": "405N-01"}), 422)
        assert "there is no such model, only ensemble, neural_network, xgboost, random_forest" in body["detail"]
        assert [fault["name"] for fault in body["errors"]] == ["model"]


async def test_outcomes_are_filled_in(client: httpx.AsyncClient, network: Network) -> None:
    sensor = network.sensors[0]
    rows = (await client.get(f"/api/predictions?sensor_id={sensor.sensor_id}")).json()
    assert [(row["timestamp"][11:16], row["actual_speed"]) for row in rows] == [
        ("15:20", None),
        ("15:15", None),
        ("15:10", None),
        ("15:05", 54.0),
    ]
    assert rows[0]["segment_id"] == sensor.segment_id
    assert rows[0]["road_name"] == sensor.road_name
    assert rows[0]["lane_count"] == sensor.lane_count


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("horizon_minutes=all&limit=1000", 1000),
        ("sensor_id=405N-01&horizon_minutes=all&limit=1000", 48),
        ("min_confidence=0.95&horizon_minutes=all&limit=1000", 192),
        ("min_confidence=0.95", 0),
        ("model=linear_regression&limit=7", 7),
        ("model=historical_average", 0),
        ("network_id=la-example&limit=3", 3),
    ],
)
async def test_prediction_filters(client: httpx.AsyncClient, query: str, count: int) -> None:
    answer = await client.get(f"/api/predictions?{query}")
    assert answer.status_code == 200
    assert len(answer.json()) == count


@pytest.mark.parametrize(
    ("path", "name", "meant"),
    [
        ("/api/predictions?sensor=405N-01", "sensor", "did you mean sensor_id?"),
        ("/api/alerts?sevrity=critical", "sevrity", "did you mean severity?"),
        ("/api/predictions?units=metric", "units", "there are "),
        ("/api/predictions?Limit=3", "Limit", "did you mean limit?"),
        ("/api/sensors?network=la-example", "network", "did you mean network_id?"),
        ("/api/history/aggregates?sensor_id=405N-01&form=2012-05-02T00:00:00Z", "form", "did you mean from?"),
        ("/api/models/linear_regression?live_hour=3", "live_hour", "did you mean live_hours?"),
        ("/health?verbose=1", "verbose", "there are none"),
        ("/live?x=1", "x", "there are none"),
        ("/api/predictions?network_id=la-exampel", "network_id", "did you mean la-example?"),
        ("/api/sensors?network_id=", "network_id", "there are la-example"),
        ("/api/alerts?sensor_id=405N-1", "sensor_id", "did you mean 405N-01?"),
        ("/api/predictions?sensor_id=nowhere", "sensor_id", "there is no sensor 'nowhere'"),
        ("/api/sensors?road_type=freewya", "road_type", "did you mean freeway?"),
        ("/api/advisories?network_id=other", "network_id", "there is no network 'other'"),
        ("/api/models?network_id=other", "network_id", "there is no network 'other'"),
        ("/api/models/linear_regression?network_id=zz", "network_id", "there is no network 'zz'"),
        ("/api/history/aggregates?sensor_id=405N-1", "sensor_id", "did you mean 405N-01?"),
        ("/api/history/predictions?sensor_id=405N-01&network_id=la-exampel", "network_id", "did you mean la-example?"),
        ("/api/history/aggregates?sensor_id=nowhere", "sensor_id", "there is no sensor 'nowhere'"),
        ("/api/predictions?horizon_minutes=7", "horizon_minutes", "there are 5, 10, 15, 20,"),
        ("/api/predictions?horizon_minutes=1000", "horizon_minutes", "55, 60, and all"),
        (
            "/api/history/predictions?sensor_id=405N-01&horizon_minutes=65",
            "horizon_minutes",
            "no horizon of 65 minutes",
        ),
        ("/api/alerts?active=true&active=false", "active", "more than once"),
        ("/api/history/aggregates?sensor_id=405N-04&sensor_id=405N-05", "sensor_id", "more than once"),
        ("/api/predictions?sensor_id=405N-04&sensor_id=405N-5", "sensor_id", "did you mean 405N-05?"),
        ("/api/predictions?freeway=I-404", "freeway", "did you mean I-405?"),
        ("/api/sensors?postmile_from=3", "freeway", "each freeway counts its own"),
        ("/api/sensors?freeway=I-405&postmile_from=3&postmile_to=2", "postmile_from", "must not be greater"),
        ("/api/predictions?bbox=1,2,3", "bbox", "west,south,east,north"),
        ("/api/predictions?bbox=1,40,3,30", "bbox", "west,south,east,north"),
        ("/api/alerts?bbox=nan,2,3,4", "bbox", "west,south,east,north"),
        ("/api/alerts?circle=34,-118,0", "circle", "latitude,longitude,miles"),
        ("/api/alerts?circle=34,-118,1e400", "circle", "latitude,longitude,miles"),
        ("/api/predictions?from=2012-05-02T15:00:00Z&to=2012-05-02T15:00:00Z", "from", "before `to`"),
        ("/api/predictions?cursor=abc", "cursor", "no cursor of this list"),
        ("/api/predictions?cursor=W10", "cursor", "no cursor of this list"),
        ("/api/predictions?cursor=%C3%A9", "cursor", "no cursor of this list"),
        ("/api/alerts?cursor=W1tdLCJhIl0", "cursor", "no cursor of this list"),
        ("/api/alerts?cursor=WyIyMDI2LTAxLTAxIiwiYSJd", "cursor", "no cursor of this list"),
        ("/api/predictions?limit=5&limit=5", "limit", "more than once"),
        ("/api/predictions?limit=1_0", "limit", "plain decimal"),
        ("/api/predictions?limit=%205", "limit", "plain decimal"),
        ("/api/predictions?limit=5.0", "limit", "plain decimal"),
        ("/api/alerts?limit=%D9%A5", "limit", "plain decimal"),
        ("/api/sensors?freeway=I-405&postmile_from=1_0", "postmile_from", "plain decimal"),
        ("/api/sensors?circle=34.0,-118.0,1_0", "circle", "latitude,longitude,miles"),
        ("/api/sensors?network_id=la-example&network_id=la-example", "network_id", "more than once"),
        ("/api/models/linear_regression?live_hours=3&live_hours=4", "live_hours", "more than once"),
        ("/api/history/aggregates?sensor_id=405N-01&limit=1&limit=2", "limit", "more than once"),
    ],
)
async def test_what_there_is_not_is_a_problem_that_says_what_may_be_meant(
    client: httpx.AsyncClient, path: str, name: str, meant: str
) -> None:
    (fault,) = problem(await client.get(path), 422)["errors"]
    assert (fault["location"], fault["name"]) == ("query", name)
    assert meant in fault["detail"]


async def test_a_flood_of_parameters_is_refused_before_it_is_read(client: httpx.AsyncClient) -> None:
    flood = "&".join(f"p{number}=1" for number in range(1000))
    assert "more than 100 parameters" in problem(await client.get(f"/api/predictions?{flood}"), 422)["detail"]
    few = "&".join(f"p{number}=1" for number in range(50))
    assert len(problem(await client.get(f"/api/predictions?{few}"), 422)["errors"]) == 10


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("/api/alerts/standng", "Did you mean standing?"),
        ("/api/advisories/nowhere", "There is no advisory nowhere."),
    ],
)
async def test_an_id_in_a_path_that_there_is_not_is_404_and_says_what_may_be_meant(
    client: httpx.AsyncClient, path: str, meant: str
) -> None:
    assert meant in problem(await client.get(path), 404)["detail"]


async def test_models(client: httpx.AsyncClient, network: Network) -> None:
    rows = (await client.get("/api/models")).json()
    TypeAdapter(list[ModelReport]).validate_python(rows)
    assert [(row["model_name"], row["role"], row["sensors"], row["serving_sensors"]) for row in rows] == [
        ("linear_regression", "champion", len(network.sensors), len(network.sensors)),
        ("xgboost", "challenger", len(network.sensors), 0),
    ]
    champion, challenger = rows
    assert champion["since"] == "2026-11-22T18:00:00Z"
    assert champion["offline"] == [
        {"part": "test", "horizon_minutes": 15, "mae_mph": 2.9, "rmse_mph": 5.6, "mape_percent": 7.7}
    ]
    assert [live["horizon_minutes"] for live in champion["live"]] == [15, 30, 60]
    assert champion["live"][0] == {
        "horizon_minutes": 15,
        "start": "2012-05-02T15:05:00Z",
        "end": "2012-05-02T15:30:00Z",
        "pairs": 288,
        "mae_mph": 2.0625,
        "rmse_mph": 3.1623,
        "bias_mph": -0.5,
        "coverage_90": 0.8958,
        "within_5_mph": 0.8333,
        "mean_confidence": 0.875,
        "expected_calibration_error": 0.0417,
    }
    # What runs was never recorded; what was refused is told beside it.
    assert (challenger["model_version"], challenger["since"], challenger["what"]) == ("1", None, None)
    assert [(one["model_version"], one["role"], one["reason"]) for one in challenger["versions"]] == [
        ("1", "challenger", None),
        ("2", "refused", "model.onnx is damaged"),
    ]
    problem(await client.get("/api/models?network_id=other"), 422)


async def test_one_model(client: httpx.AsyncClient) -> None:
    answer = (await client.get("/api/models/linear_regression?live_hours=1&network_id=la-example")).json()
    ModelDetail.model_validate(answer)
    assert [live["horizon_minutes"] for live in answer["live"]] == list(range(5, 65, 5))
    assert [score["horizon_minutes"] for score in answer["offline"]] == [15, 20]
    assert len(answer["reliability"]) == 12
    assert answer["reliability"][0]["bins"][8] == {
        "lower": 0.8,
        "upper": 0.9,
        "pairs": 240,
        "confidence": 0.8625,
        "observed": 0.825,
    }
    assert answer["reliability"][0]["bins"][0]["confidence"] is None
    assert answer["feature_importance"][0] == {"feature": "last speed", "importance": 0.7}
    assert (answer["training_data"], answer["calibration"], answer["card"]) == (None, None, CARD)
    body = problem(await client.get("/api/models/oracle"), 404)
    assert body["detail"] == "Nothing is known of a model oracle; known: linear_regression, xgboost."
    problem(await client.get("/api/models/linear_regression?network_id=other"), 422)


async def test_alerts(client: httpx.AsyncClient) -> None:
    rows = (await client.get("/api/alerts")).json()
    TypeAdapter(list[Alert]).validate_python(rows)
    assert [(row["alert_id"], row["status"]) for row in rows] == [("over", "cleared"), ("standing", "raised")]
    assert set(rows[0]) >= ALERT_FIELDS
    for query, expected in [
        ("active=true", ["standing"]),
        ("active=false", ["over"]),
        ("severity=low", ["over"]),
        ("alert_type=weather", []),
        ("limit=1", ["over"]),
        ("alert_type=congestion&severity=high&active=true", ["standing"]),
    ]:
        found = (await client.get(f"/api/alerts?{query}")).json()
        assert [row["alert_id"] for row in found] == expected


async def test_sensors_and_networks(client: httpx.AsyncClient, network: Network) -> None:
    rows = TypeAdapter(list[SensorReport]).validate_json((await client.get("/api/sensors")).content)
    assert [row.sensor_id for row in rows] == [sensor.sensor_id for sensor in network.sensors]
    assert {row.current_speed for row in rows} == {54.0}
    problem(await client.get("/api/sensors?road_type=canal"), 422)
    (report,) = TypeAdapter(list[NetworkReport]).validate_json((await client.get("/api/networks")).content)
    assert (report.time_zone, report.sensor_count) == ("America/Los_Angeles", len(network.sensors))


@pytest.mark.parametrize("query", ["horizon_minutes=all", "horizon_minutes=all&model=all", "model=all&latest=true"])
async def test_forecasts_come_page_by_page(client: httpx.AsyncClient, query: str) -> None:
    everything = (await client.get(f"/api/predictions?{query}&limit=1000")).json()
    answer = await client.get(f"/api/predictions?{query}&limit=7")
    pages = answer.json()
    while "next" in answer.links and len(pages) < len(everything):
        answer = await client.get(answer.links["next"]["url"])
        assert answer.status_code == 200
        assert len(answer.json()) <= 7
        pages += answer.json()
    assert pages[:1000] == everything
    keys = {(row["timestamp"], row["sensor_id"], row["model_name"], row["horizon_minutes"]) for row in pages}
    assert len(keys) == len(pages)


async def test_forecasts_of_a_place_and_a_time(client: httpx.AsyncClient, network: Network) -> None:
    rows = (await client.get("/api/predictions?latest=true&limit=1000&freeway=I-405&direction=N")).json()
    there = [each.sensor_id for each in network.sensors if (each.freeway, each.direction) == ("I-405", "N")]
    assert [row["sensor_id"] for row in rows] == there
    newest = rows[0]["timestamp"]
    assert {row["timestamp"] for row in rows} == {newest}
    earlier = (await client.get(f"/api/predictions?to={newest}&limit=1000&sensor_id=405N-01")).json()
    assert earlier
    assert all(row["timestamp"] < newest for row in earlier)
    two = (await client.get(f"/api/predictions?from={newest}&sensor_id=405N-01&sensor_id=405N-02")).json()
    assert {row["sensor_id"] for row in two} == {"405N-01", "405N-02"}
    one = network.sensors[0]
    near = (await client.get(f"/api/sensors?circle={one.latitude},{one.longitude},0.01")).json()
    assert one.sensor_id in {row["sensor_id"] for row in near}
    assert len(near) < len(network.sensors)
    box = f"{one.longitude - 0.001},{one.latitude - 0.001},{one.longitude + 0.001},{one.latitude + 0.001}"
    boxed = (await client.get(f"/api/sensors?bbox={box}")).json()
    assert one.sensor_id in {row["sensor_id"] for row in boxed}
    assert all(abs(row["longitude"] - one.longitude) <= 0.001 for row in boxed)


async def test_history_comes_from_the_store_page_by_page(client: httpx.AsyncClient) -> None:
    everything = (await client.get("/api/history/aggregates?sensor_id=405N-01")).json()
    TypeAdapter(list[Aggregate]).validate_python(everything)
    assert [row["mean_speed"] for row in everything] == [56.0, 55.0, 54.0, 53.0, 52.0, 51.0]
    answer = await client.get("/api/history/aggregates?sensor_id=405N-01&limit=4")
    pages = answer.json()
    while "next" in answer.links:
        answer = await client.get(answer.links["next"]["url"])
        pages += answer.json()
    assert pages == everything


async def test_stored_forecasts_have_their_outcomes(client: httpx.AsyncClient, network: Network) -> None:
    rows = (await client.get("/api/history/predictions?sensor_id=405N-01")).json()
    TypeAdapter(list[Prediction]).validate_python(rows)
    assert [(row["timestamp"][11:16], row["model_name"], row["actual_speed"]) for row in rows] == [
        ("15:30", "linear_regression", None),
        ("15:25", "linear_regression", None),
        ("15:20", "linear_regression", None),
        ("15:15", "linear_regression", 56.0),
        ("15:10", "linear_regression", 55.0),
        ("15:05", "linear_regression", 54.0),
    ]
    assert rows[0]["segment_id"] == network[SensorId("405N-01")].segment_id
    compared = (await client.get("/api/history/predictions?sensor_id=405N-01&model=xgboost&horizon_minutes=all")).json()
    assert len(compared) == 6 * 12
    assert {(row["model_name"], row["serving"]) for row in compared} == {("xgboost", False)}
    assert sum(row["actual_speed"] is not None for row in compared) == 5 + 4 + 3 + 2 + 1
    none = await client.get("/api/history/predictions?sensor_id=405N-01&model=ensemble")
    assert (none.status_code, none.json()) == (200, [])


async def test_stored_forecasts_come_page_by_page(client: httpx.AsyncClient) -> None:
    path = "/api/history/predictions?sensor_id=405N-01&horizon_minutes=all"
    everything = (await client.get(path)).json()
    answer = await client.get(f"{path}&limit=4")
    pages = answer.json()
    assert len(pages) == 4 * 12
    while "next" in answer.links:
        answer = await client.get(answer.links["next"]["url"])
        pages += answer.json()
    assert pages == everything
    within = (await client.get(f"{path}&from=2012-05-02T15:10:00Z&to=2012-05-02T15:20:00Z")).json()
    assert {row["timestamp"] for row in within} == {"2012-05-02T15:10:00Z", "2012-05-02T15:15:00Z"}


@pytest.mark.parametrize(
    "bounds",
    [
        "from=2012-05-02T15:05:00Z&to=2012-05-02T15:15:00Z",
        "from=2012-05-02T08:05:00-07:00&to=2012-05-02T08:15:00-07:00",
        "from=2012-05-02T17:05:00+02:00&to=2012-05-02T17:15:00%2B02:00",
    ],
)
async def test_history_bounds_are_half_open_and_may_have_any_offset(client: httpx.AsyncClient, bounds: str) -> None:
    rows = (await client.get(f"/api/history/aggregates?sensor_id=405N-01&{bounds}")).json()
    assert [row["window_start"] for row in rows] == ["2012-05-02T15:10:00Z", "2012-05-02T15:05:00Z"]


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/api/predictions?limit=0", ["limit"]),
        ("/api/predictions?limit=1001", ["limit"]),
        ("/api/predictions?horizon_minutes=some", ["horizon_minutes"]),
        ("/api/predictions?min_confidence=1.1&limit=x", ["limit", "min_confidence"]),
        ("/api/predictions?min_confidence=nan", ["min_confidence"]),
        ("/api/models?live_hours=0", ["live_hours"]),
        ("/api/models/ensemble?live_hours=169", ["live_hours"]),
        ("/api/alerts?limit=201", ["limit"]),
        ("/api/alerts?severity=dreadful", ["severity"]),
        ("/api/alerts?alert_type=flood", ["alert_type"]),
        ("/api/alerts?active=perhaps", ["active"]),
        ("/api/history/aggregates", ["sensor_id"]),
        ("/api/history/aggregates?sensor_id=405N-01&from=yesterday", ["from"]),
        ("/api/history/aggregates?sensor_id=405N-01&from=2012-05-02T00:00:00", ["from"]),
        ("/api/history/aggregates?sensor_id=405N-01&from=2012-05-03T00:00:00Z&to=2012-05-02T00:00:00Z", ["from"]),
        ("/api/history/aggregates?sensor_id=405N-01&to=20260721", ["to"]),
        ("/api/history/aggregates?sensor_id=405N-01&from=2026", ["from"]),
        ("/api/history/aggregates?sensor_id=405N-01&from=1", ["from"]),
        ("/api/history/predictions?sensor_id=405N-01&from=1784600000000&to=1e12", ["from", "to"]),
        ("/api/history/predictions?sensor_id=405N-01&from=2026-07-21", ["from"]),
        ("/api/history/aggregates?sensor_id=405N-01&limit=10001", ["limit"]),
        ("/api/history/predictions", ["sensor_id"]),
        ("/api/history/predictions?sensor_id=405N-01&limit=2017", ["limit"]),
        ("/api/history/predictions?sensor_id=405N-01&from=2012-05-03T00:00:00Z&to=2012-05-02T00:00:00Z", ["from"]),
        ("/api/history/predictions?sensor_id=405N-01&horizon_minutes=0", ["horizon_minutes"]),
    ],
)
async def test_faulty_parameters_are_named(client: httpx.AsyncClient, path: str, names: list[str]) -> None:
    body = problem(await client.get(path), 422)
    assert body["type"] == "urn:metrla:problem:invalid-parameters"
    assert sorted(fault["name"] for fault in body["errors"]) == names
    assert all(fault["detail"] for fault in body["errors"])


async def test_other_errors_are_problems_too(client: httpx.AsyncClient) -> None:
    problem(await client.get("/nowhere"), 404)
    problem(await client.get("/live-map/nothing.js"), 404)
    refused = await client.post("/api/predictions")
    assert problem(refused, 405)["detail"] == "POST is not allowed at /api/predictions."
    assert refused.headers["allow"] == "GET, HEAD"
    compressed = await client.post("/api/advisories", content=b"x", headers={"Content-Encoding": "gzip"})
    assert problem(compressed, 403)  # credentials come first


async def test_head_is_answered_wherever_get_is(client: httpx.AsyncClient) -> None:
    paths = ("/", "/live", "/ready", "/health", "/metrics", "/docs", "/openapi.json", "/live-map/", "/api/predictions")
    for path in (*paths, "/api/alerts", "/api/sensors?network_id=la-example", "/api/networks", "/api/models"):
        got, head = await client.get(path), await client.head(path)
        assert (path, head.status_code, head.content) == (path, 200, b"")
        assert head.headers["content-type"] == got.headers["content-type"]
    assert (await client.head("/api/alerts?x=1")).status_code == 422
    assert (await client.head("/nowhere")).status_code == 404
    counted = (await client.get("/metrics")).text
    assert 'metrla_gateway_requests_total{method="HEAD",route="/live",status="200"} 1.0' in counted


async def test_files_are_sent_whole_whatever_part_is_asked_for(client: httpx.AsyncClient) -> None:
    whole = await client.get("/live-map/")
    for part in ("bytes=0-1", "bytes=99999999-", "bytes=x", "bytes=" + "0-1," * 1000):
        answer = await client.get("/live-map/", headers={"Range": part})
        assert (answer.status_code, answer.content) == (200, whole.content)


async def test_cors_and_security_headers(client: httpx.AsyncClient) -> None:
    for origin in ("http://localhost:3000", "http://127.0.0.1:3000"):
        preflight = await client.options(
            "/api/predictions", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}
        )
        assert preflight.status_code == 200
        assert preflight.headers["access-control-allow-origin"] == origin
        assert preflight.headers["access-control-max-age"] == "3600"
    answer = await client.get("/api/predictions", headers={"Origin": "http://elsewhere.example"})
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["x-content-type-options"] == "nosniff"
    failed = await client.get("/api/predictions?limit=0", headers={"Origin": "http://localhost:3000"})
    assert failed.headers["access-control-allow-origin"] == "http://localhost:3000"


async def test_big_answers_are_compressed(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/predictions?limit=1000&horizon_minutes=all")
    assert answer.headers["content-encoding"] == "gzip"
    assert int(answer.headers["content-length"]) < len(answer.content) / 5


async def test_the_openapi_document_is_complete(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["info"]["title"] == "METR-LA Traffic Prediction API"
    assert document["info"]["license"]["name"] == "MIT"
    assert document["info"]["contact"]
    for path, operations in document["paths"].items():
        for operation in operations.values():
            assert operation["summary"], path
            assert all(parameter["description"] for parameter in operation.get("parameters", ())), path
            for status, response in operation["responses"].items():
                if status >= "400":
                    assert list(response["content"]) == ["application/problem+json"], path
    for name in ("Prediction", "Alert", "SensorReport", "Aggregate", "ModelReport", "ModelDetail", "TrainingData"):
        assert document["components"]["schemas"][name]["properties"]
    predicted = document["components"]["schemas"]["Prediction"]["properties"]["predicted_speed"]
    assert (predicted["minimum"], predicted["maximum"]) == (0, 120)


PATHS = ["/api/predictions", "/api/alerts", "/api/sensors", "/api/models"]
PATHS += ["/api/history/aggregates", "/api/history/predictions"]
NAMES = ["limit", "sensor_id", "road_type", "min_confidence", "horizon_minutes", "model", "severity", "alert_type"]
NAMES += ["active", "from", "to", "network_id", "live_hours", "odd"]
VALUES = st.one_of(
    st.text(max_size=30),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda time: time.isoformat()),
    st.datetimes(timezones=st.timezones()).map(lambda time: time.isoformat()),
    st.sampled_from(
        ["", "all", "true", "low", "405N-01", "la-example", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"]
    ),
)


async def test_the_reference_loads_nothing_from_outside(client: httpx.AsyncClient) -> None:
    page = await client.get("/docs")
    assert "https://" not in page.text
    assert "'unsafe-inline'" not in page.headers["content-security-policy"].split(";")[1]
    for path in re.findall(r'(?:src|href)="([^"]+)"', page.text):
        assert (await client.get(path)).status_code == 200


# aiokafka chooses brokers at random in the loop's thread meanwhile, which Hypothesis takes for the test's own doing.
@pytest.mark.filterwarnings("ignore:Do not use the `random` module:hypothesis.errors.HypothesisDeprecationWarning")
async def test_no_query_breaks_a_route(client: httpx.AsyncClient) -> None:
    loop = asyncio.get_running_loop()

    @given(
        st.sampled_from(PATHS),
        st.lists(st.tuples(st.sampled_from(NAMES), VALUES), max_size=5),
    )
    @settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    def fuzz(path: str, parameters: list[tuple[str, str]]) -> None:
        asking = client.get(path, params=tuple(parameters))
        answer = asyncio.run_coroutine_threadsafe(asking, loop).result(timeout=60)
        assert answer.status_code in {200, 404, 422}
        if answer.status_code == 200:
            assert isinstance(answer.json(), list)
        else:
            problem(answer, answer.status_code)

    await asyncio.to_thread(fuzz)
