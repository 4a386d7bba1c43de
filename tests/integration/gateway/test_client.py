import ast
import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import UTC, datetime
from types import FunctionType
from typing import Any

import httpx
import pytest

from metrla.client import AlertSeverity, Channel, GatewayClient, GatewayError
from shared.events.records import ProcessedTrafficAggregate, TrafficPrediction
from shared.kafka.producer import Message
from shared.store.model_records import ModelScore
from shared.traffic.network import Network
from tests.kit.places import ROOT

pytestmark = pytest.mark.integration

DEADLINE_S = 60.0
Start = Callable[..., AbstractAsyncContextManager[str]]
Step = Callable[..., list[Message]]
Until = Callable[..., Awaitable[httpx.Response]]


async def test_rest(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
    alert: Callable[..., Message],
    windows: Callable[[int], list[ProcessedTrafficAggregate]],
    predictions: Callable[..., list[TrafficPrediction]],
    score: Callable[..., ModelScore],
    until: Until,
    network: Network,
) -> None:
    for number in range(1, 31):
        world.store.put_aggregates(windows(number))
    for number in range(20, 31):
        world.store.put_predictions(predictions(number, ("linear_regression", "xgboost")))
        world.store.put_model_scores([score(number, "linear_regression")])
    await world.publish([*step(1), alert("a", 1)])
    async with start_gateway(world.platform) as url:
        async with httpx.AsyncClient(base_url=url) as plain:
            await until(plain, "/ready", lambda answer: answer.status_code == 200)
        async with GatewayClient(url) as client:
            (prediction,) = await client.predictions(sensor_id="405N-01", horizon_minutes=60)
            assert prediction.timestamp == datetime(2012, 5, 2, 15, 5, tzinfo=UTC)
            assert [each.alert_id for each in await client.alerts(severity=AlertSeverity.HIGH, active=True)] == ["a"]
            assert len(await client.sensors()) == len(network.sensors)
            assert [each.network_id for each in await client.networks()] == [network.network_id]
            history = [window.mean_speed async for window in client.aggregates("405N-01")]
            assert history == [50.0 + number for number in range(30, 0, -1)]
            past = [each async for each in client.past_predictions("405N-01", model="xgboost", horizon_minutes=10)]
            assert [(each.model_name, each.actual_speed) for each in past[:4]] == [
                ("xgboost", None),
                ("xgboost", None),
                ("xgboost", 80.0),
                ("xgboost", 79.0),
            ]
            start, end = past[-1].timestamp, past[-3].timestamp
            served = [each async for each in client.past_predictions("405N-01", start, end)]
            assert [each.model_name for each in served] == ["linear_regression"] * 2
            (model,) = await client.models()
            assert (model.model_name, model.live[0].pairs) == ("linear_regression", 11 * 48)
            detail = await client.model("linear_regression", live_hours=48)
            assert [live.horizon_minutes for live in detail.live] == list(range(5, 65, 5))
            with pytest.raises(GatewayError, match="Nothing is known of a model oracle") as refused:
                await client.model("oracle")
            assert refused.value.status == 404
            with pytest.raises(GatewayError, match="There is no sensor nowhere") as refused:
                _ = [window async for window in client.aggregates("nowhere")]
            assert refused.value.status == 404
            with pytest.raises(GatewayError, match="limit") as refused:
                await client.predictions(limit=0)
            assert refused.value.status == 422


class StreamedError(Exception):
    """The example follows the stream for ever; the test has seen enough."""


async def test_the_example_of_the_documentation_runs(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
    alert: Callable[..., Message],
    windows: Callable[[int], list[ProcessedTrafficAggregate]],
    predictions: Callable[..., list[TrafficPrediction]],
    score: Callable[..., ModelScore],
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.gateway.log.writer.SEEN_S", 0.1)  # no alert detector answers here
    section = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("\n## Python\n")[2]
    example = section.partition("```python\n")[2].partition("```")[0]
    world.store.put_aggregates(windows(1))
    world.store.put_predictions(predictions(1, ("linear_regression",)))
    world.store.put_model_scores([score(1, "linear_regression")])
    await world.publish([*step(1), alert("a", 1)])
    printed: list[tuple[Any, ...]] = []

    def note(*values: Any) -> None:  # noqa: ANN401 - stands for print
        printed.append(values)
        if {"predictions_snapshot", "alerts_snapshot"} <= {str(first) for first, *_ in printed}:
            raise StreamedError

    async with start_gateway(world.platform, write_token="demo") as url:  # noqa: S106 - that of the example
        async with httpx.AsyncClient(base_url=url) as plain:
            await until(plain, "/ready", lambda answer: answer.status_code == 200)
        text = example.replace("http://127.0.0.1:8000", url)
        assert text != example
        code = compile(text, "docs/api.md", "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        async with asyncio.timeout(DEADLINE_S):
            with pytest.raises(StreamedError):
                await FunctionType(code, {"print": note})()
    firsts = [first for first, *_ in printed]
    assert firsts[0] == "Queue."
    assert "linear_regression" in firsts
    assert sum(isinstance(first, datetime) for first in firsts) == 2  # a window and a forecast


async def test_nobody_there() -> None:
    async with GatewayClient("http://127.0.0.1:9") as client:
        with pytest.raises(GatewayError, match="does not answer"):
            await client.alerts()


async def test_the_stream_goes_on_after_a_restart(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    start_gateway: Start,
    step: Step,
    network: Network,
) -> None:
    await world.publish(step(1))

    async def see_step(messages: Any, minute: int) -> None:  # noqa: ANN401 - an asynchronous generator
        seen: set[str] = set()
        async with asyncio.timeout(DEADLINE_S):
            while len(seen) < len(network.sensors):
                message = await anext(messages)
                seen |= {row.sensor_id for row in message.data if row.timestamp.minute == minute}

    async with start_gateway(world.platform) as url:
        port = int(url.rsplit(":", 1)[1])
        client = GatewayClient(url)
        messages = client.stream(channels={Channel.PREDICTIONS})
        await see_step(messages, 5)
    await world.publish(step(2))
    async with start_gateway(world.platform, port=port), client, aclosing(messages):  # type: ignore[type-var]  # a generator
        await see_step(messages, 10)
