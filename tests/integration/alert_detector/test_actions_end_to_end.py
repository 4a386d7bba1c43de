"""An action over the API ends in the alert's record: on the topic, in the store and in the answer of the API.

The alert detector and the gateway are the real processes, the broker is the embedded one.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from metrla.client import Alert, AlertActionKind, AlertStatus, GatewayClient, GatewayError
from metrla.local.devbroker import DevBroker
from shared.events.avro import decode, encode
from shared.events.records import TrafficAlert
from shared.events.topics import AGGREGATES, ALERTS
from shared.kafka.admin import ensure_topics
from shared.kafka.producer import Message
from shared.store.url import open_store
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.kit.processes import Services
from tests.kit.until import until
from tests.kit.windows import processed_window

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2026, 3, 3, 15, 0, tzinfo=UTC)
WINDOW = timedelta(minutes=5)
TOKEN = "sesame"  # noqa: S105 - of a gateway that lives as long as the test
JAM = frozenset(sensor.sensor_id for sensor in NETWORK.carriageways["I-405 N"][1:4])
DEADLINE_S = 120.0


SETTINGS = {
    "METRLA_GATEWAY_PORT": "0",
    "METRLA_GATEWAY_WRITE_TOKEN": TOKEN,
    "METRLA_ALERT_DETECTOR_SETTLE_SECONDS": "0.5",
}


@dataclass
class Stack(Services):
    """The processes and what they share."""

    fed: int = 0

    @property
    def url(self) -> str:
        return self.running("gateway").url

    async def feed(self, steps: int, slow: frozenset[str] = frozenset()) -> None:
        messages = []
        for step in range(self.fed, self.fed + steps):
            for sensor in NETWORK.sensors:
                # A detector that repeats one speed for an hour counts as stuck.
                speed = (15.0 if sensor.sensor_id in slow else 64.0) + step % 2
                window = processed_window(NETWORK.network_id, sensor.sensor_id, START + step * WINDOW, speed)
                messages.append(Message(AGGREGATES.name, NETWORK.network_id.encode(), encode(window)))
        self.fed += steps
        await self.produce(messages)

    async def on_topic(self) -> Sequence[TrafficAlert]:
        """Every state of every alert, in the order of the log."""
        return [decode(TrafficAlert, record.value) for record in await self.read(ALERTS) if record.value is not None]

    def stored(self) -> dict[str, TrafficAlert]:
        store = open_store(self.store_url)
        try:
            return {alert.alert_id: alert for alert in store.alerts()}
        finally:
            store.close()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Stack(broker, tmp_path, settings=SETTINGS) as stack:
            await stack.start("alert_detector")
            gateway = await stack.start("gateway")
            await gateway.until_ready("/live")
            yield stack


async def congestion(gateway: GatewayClient, holds: Callable[[list[Alert]], bool]) -> list[Alert]:
    """The congestion alerts, the last raised first, as soon as they are as they should be."""
    found: list[Alert] = []

    async def there() -> bool:
        nonlocal found
        with suppress(GatewayError):
            found = [alert for alert in await gateway.alerts() if alert.alert_type == "congestion"]
            return holds(found)
        return False

    await until(there, lambda: f"other alerts of congestion than {found}", DEADLINE_S)
    return found


async def test_from_the_api_into_the_record(stack: Stack) -> None:
    async with GatewayClient(stack.url, write_token=TOKEN) as gateway:
        await stack.feed(6, JAM)
        (raised,) = await congestion(gateway, bool)
        seen = await gateway.act(raised.alert_id, AlertActionKind.ACKNOWLEDGE, "Dana", action_id="seen-1")
        (alert,) = await congestion(gateway, lambda found: found[0].acknowledged)
        assert alert.actions == (seen,)

        # A remark while the detector is away waits for it on the log; a repeated one is the same.
        await stack.running("alert_detector").kill()
        await gateway.act(raised.alert_id, AlertActionKind.COMMENT, "Dana", "tow truck sent", action_id="said-1")
        await gateway.act(raised.alert_id, AlertActionKind.COMMENT, "Dana", "tow truck sent", action_id="said-1")
        await stack.start("alert_detector")
        await congestion(gateway, lambda found: [one.action_id for one in found[0].actions] == ["seen-1", "said-1"])

        await gateway.act(raised.alert_id, AlertActionKind.CLOSE, "Dana", "false alarm", action_id="closed-1")
        (closed,) = await congestion(gateway, lambda found: found[0].status is AlertStatus.CLEARED)
        assert closed.message.startswith("Closed by Dana: false alarm.")
        assert not stack.stored()[raised.alert_id].active
        with pytest.raises(GatewayError, match="cleared already"):
            await gateway.act(raised.alert_id, AlertActionKind.CLOSE, "Kim")

        # The queue lasts: nothing is raised for it, not after a crash either, until it was gone.
        await stack.feed(3, JAM)
        await stack.running("alert_detector").kill()
        await stack.feed(3, JAM)
        await stack.start("alert_detector")
        await stack.feed(10)
        (over,) = await congestion(gateway, lambda found: found[0].updated_at > closed.updated_at)
        assert over.cleared_at == closed.cleared_at
        await stack.feed(6, JAM)
        again, _ = await congestion(gateway, lambda found: len(found) == 2)
        assert again.status is AlertStatus.RAISED

    states = [alert for alert in await stack.on_topic() if alert.alert_id == raised.alert_id]
    revisions = [alert.revision for alert in states]
    assert revisions == sorted(set(revisions))
    last = states[-1]
    assert [action.action_id for action in last.actions] == ["seen-1", "said-1", "closed-1"]
    assert stack.stored()[raised.alert_id] == last
