import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from metrla.client import AlertSeverity, Channel, GatewayClient, GatewayError, HeartbeatMessage, PredictionsMessage
from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.supervisor import supervise
from shared.events.records import ProcessedTrafficAggregate, TrafficPrediction
from shared.kafka.producer import Message
from shared.store.model_records import ModelScore
from shared.traffic.folder import EXAMPLE_NETWORK
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
    until_answer: Until,
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
            await until_answer(plain, "/ready", lambda answer: answer.status_code == 200)
        async with GatewayClient(url) as client:
            (prediction,) = await client.predictions(sensor_id="405N-01", horizon_minutes=60)
            assert prediction.timestamp == datetime(2012, 5, 2, 15, 5, tzinfo=UTC)
            assert [each.alert_id for each in await client.alerts(severity=AlertSeverity.HIGH, active=True)] == ["a"]
            assert len(await client.sensors()) == len(network.sensors)
            every = [each async for each in client.all_predictions(sensor_ids=["405N-01", "405N-02"], model="all")]
            assert len({(each.sensor_id, each.model_name, each.horizon_minutes) for each in every}) == len(every) >= 24
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
            with pytest.raises(GatewayError, match="there is no sensor 'nowhere'") as refused:
                _ = [window async for window in client.aggregates("nowhere")]
            assert refused.value.status == 422
            with pytest.raises(GatewayError, match="limit") as refused:
                await client.predictions(limit=0)
            assert refused.value.status == 422


async def test_the_example_of_the_documentation_runs_as_it_stands(
    world: Any,  # noqa: ANN401 - the World of conftest.py
    tmp_path: Path,
    step: Step,
    alert: Callable[..., Message],
    windows: Callable[[int], list[ProcessedTrafficAggregate]],
    predictions: Callable[..., list[TrafficPrediction]],
    score: Callable[..., ModelScore],
) -> None:
    section = (ROOT / "docs" / "api.md").read_text(encoding="utf-8").partition("\n## Python\n")[2]
    example = section.partition("```python\n")[2].partition("```")[0]
    world.store.put_aggregates(windows(1))
    world.store.put_predictions(predictions(1, ("linear_regression",)))
    world.store.put_model_scores([score(1, "linear_regression")])
    await world.publish([*step(1), alert("a", 1)])
    plan = PipelinePlan(
        state=tmp_path,
        networks=[EXAMPLE_NETWORK],
        broker_port=world.broker.port,
        gateway_port=free_port(),
        broker_retention_bytes=1,
        settings={},
    )
    text = example.replace("http://127.0.0.1:8000", plan.gateway_url)
    assert text != example
    lines: list[str] = []
    async with supervise(lines.append) as supervisor:
        await supervisor.start(plan.gateway())
        script = await asyncio.create_subprocess_exec(
            *(sys.executable, "-u", "-W", "error", "-c", text),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        assert script.stdout is not None
        try:
            async with asyncio.timeout(DEADLINE_S):
                # It follows the stream for ever.
                while not {"predictions_snapshot", "alerts_snapshot"} <= {line.split()[0] for line in lines}:
                    line = (await script.stdout.readline()).decode()
                    assert line, lines
                    lines.append(line)
        finally:
            script.kill()
            await script.communicate()
    assert lines[0].startswith("Queue. ")
    assert any(line.startswith("linear_regression ") for line in lines)
    assert sum(line.startswith("2012-05-02 ") for line in lines) >= 2  # a window and the forecasts


async def test_a_stream_waits_out_a_refusal_that_passes() -> None:
    asked: list[float] = []
    refusals = [(429, "1"), (408, None), (425, "soon"), (503, "1")]
    beat: dict[str, object] = {"type": "heartbeat", "data": [], "timestamp": None, "interval_s": 3.0}

    def refuse(connection: ServerConnection, _: Request) -> Response | None:
        asked.append(time.monotonic())
        if len(asked) > len(refusals):
            return None
        status, wait = refusals[len(asked) - 1]
        answer = connection.respond(status, "")
        if wait is not None:
            answer.headers["Retry-After"] = wait
        return answer

    async def greet(socket: ServerConnection) -> None:
        await socket.send(json.dumps(beat))
        await socket.wait_closed()

    async with serve(greet, "127.0.0.1", 0, process_request=refuse) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        async with (
            GatewayClient(f"http://127.0.0.1:{port}") as client,
            aclosing(client.stream()) as messages,  # type: ignore[type-var]  # a generator
            asyncio.timeout(DEADLINE_S),
        ):
            async for message in messages:
                if isinstance(message, HeartbeatMessage) and message.unheard_since is None:
                    break
    assert len(asked) == 5
    assert asked[1] - asked[0] >= 1.0


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
                if isinstance(message, PredictionsMessage):
                    seen |= {row.sensor_id for row in message.data if row.timestamp.minute == minute}

    async with start_gateway(world.platform) as url:
        port = int(url.rsplit(":", 1)[1])
        client = GatewayClient(url)
        messages = client.stream(channels={Channel.PREDICTIONS})
        await see_step(messages, 5)
    await world.publish(step(2))
    async with start_gateway(world.platform, port=port), client, aclosing(messages):  # type: ignore[type-var]  # a generator
        await see_step(messages, 10)
