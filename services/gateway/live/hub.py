"""Carry what changes in the view to every connected client."""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from itertools import islice

from services.gateway.live.channels import Board, Channel, Item, Selection, Subscriber
from services.gateway.live.heartbeat import heartbeat
from services.gateway.views.ages import DataAges
from services.gateway.views.horizons import default_horizon
from services.gateway.views.predictions import PredictionKey
from services.gateway.views.traffic import Forecast, TrafficView
from services.gateway.views.windows import SensorState
from services.gateway.written import WrittenRows
from shared.events.records import TrafficAlert
from shared.runtime.metrics import GatewayMetrics

# A network step comes in several batches; waiting this long for the next one sends it as one update.
SETTLE_S = 0.2
# How many clients are written to before the event loop comes back to everybody else.
AT_ONCE = 8


class Client:
    """One connected client: its subscription, the last heartbeat it was sent, and the event that wakes its writer."""

    def __init__(self, subscriber: Subscriber) -> None:
        self.subscriber = subscriber
        self.beat = 0
        self.awake = asyncio.Event()
        self.awake.set()
        self.writing = asyncio.Lock()


class Places:
    """How many clients there can be: in all, and of one address."""

    def __init__(self, most: int, most_per_address: int) -> None:
        self._most = most
        self._most_per_address = most_per_address
        self._taken: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether there is no place for anybody."""
        return self._taken.total() >= self._most

    def has_for(self, address: str) -> bool:
        """Whether an address has not had its share."""
        return self._taken[address] < self._most_per_address

    @contextmanager
    def taken(self, address: str) -> Iterator[None]:
        """One place for as long as the block runs."""
        self._taken[address] += 1
        try:
            yield
        finally:
            self._taken[address] -= 1
            if not self._taken[address]:
                del self._taken[address]


class Hub:
    """The boards and the clients that follow them.

    Args:
        view: where changes come from.
        ages: how old the data is; what is pushed is noted there.
        push_interval_s: least time between two updates, seconds.
        heartbeat_interval_s: time between two heartbeats, seconds.
        places: how many clients there can be.
        written: the rows that are sent, written as they are for whoever asks.
        metrics: where clients and updates are counted.
    """

    def __init__(
        self,
        view: TrafficView,
        ages: DataAges,
        push_interval_s: float,
        heartbeat_interval_s: float,
        places: "Places",
        written: WrittenRows,
        metrics: GatewayMetrics,
    ) -> None:
        self._view = view
        self._ages = ages
        self._push_interval_s = push_interval_s
        self._heartbeat_interval_s = heartbeat_interval_s
        self.places = places
        self._written = written
        self._metrics = metrics
        self._touched = asyncio.Event()
        self._clients: set[Client] = set()
        self._empty = asyncio.Event()
        self._empty.set()
        self.boards = {channel: Board(channel) for channel in Channel}
        self.beat = 0
        """Number of the newest heartbeat; 0 before the first."""
        self.heartbeat = ""
        self.complete = False
        """Whether the boards hold what the view does; before, a snapshot would say that there is nothing."""
        self.closing = False

    def touch(self) -> None:
        """Say that the view may have changed."""
        self._touched.set()

    @contextmanager
    def join(self, selections: Mapping[Channel, Selection]) -> Iterator[Client]:
        """A client for as long as the block runs."""
        client = Client(Subscriber(selections))
        self._clients.add(client)
        self._empty.clear()
        self._metrics.clients.set(len(self._clients))
        try:
            yield client
        finally:
            self._clients.discard(client)
            self._metrics.clients.set(len(self._clients))
            if not self._clients:
                self._empty.set()

    async def push(self) -> None:
        """Publish what changed, at most once per interval and only when something did, until cancelled."""
        while True:
            await self._touched.wait()
            await asyncio.sleep(min(SETTLE_S, self._push_interval_s))
            self._touched.clear()
            if self.publish():
                await asyncio.sleep(max(0.0, self._push_interval_s - SETTLE_S))

    async def keep_beating(self) -> None:
        """Tell every client in fixed intervals how old the data is, until cancelled."""
        while True:
            self.heartbeat = heartbeat(self._ages.all(), self._view.event_time, self._heartbeat_interval_s)
            self.beat += 1
            self._wake()
            await asyncio.sleep(self._heartbeat_interval_s)

    def publish(self) -> bool:
        """Move what changed from the view to the boards and wake the clients; returns whether anything did."""
        time = self._view.event_time
        began, self.complete = not self.complete, True
        predictions, old_predictions = self._view.predictions.take_changes()
        alerts, forgotten_alerts = self._view.alerts.take_changes()
        sensors = self._view.take_changed_sensors()
        for network_id in {state.network_id for state in sensors} | {key[0] for key in predictions}:
            self._ages.note_push(network_id)
        changed = (
            self.boards[Channel.PREDICTIONS].publish(
                (
                    self._forecast_item(key, each)
                    for key, made in predictions.items()
                    for each in self._view.all_horizons(made)
                ),
                ((*key, horizon.horizon_minutes) for key, made in old_predictions.items() for horizon in made.horizons),
                time,
            ),
            self.boards[Channel.ALERTS].publish(map(self._alert_item, alerts), forgotten_alerts, time),
            self.boards[Channel.SENSORS].publish(map(self._sensor_item, sensors), (), time),
        )
        if began or any(changed):
            self._wake()
        return any(changed)

    async def close(self, within_s: float) -> None:
        """Tell every client that the gateway goes away (1001), and wait until they left, `within_s` at most."""
        self.closing = True
        self._wake()
        try:
            async with asyncio.timeout(within_s):
                await self._empty.wait()
        except TimeoutError:
            return

    def _forecast_item(self, key: PredictionKey, forecast: Forecast) -> Item:
        _, sensor_id, model_name = key
        minutes = forecast.horizon.horizon_minutes
        return Item(
            (*key, minutes),
            (sensor_id,),
            minutes,
            partial(self._written.forecast, forecast),
            model_name,
            minutes == default_horizon(forecast.prediction),
        )

    def _alert_item(self, alert: TrafficAlert) -> Item:
        return Item(alert.alert_id, alert.affected_sensors, None, partial(self._written.alert, alert))

    def _sensor_item(self, state: SensorState) -> Item:
        key = (state.network_id, state.sensor.sensor_id)
        return Item(key, (state.sensor.sensor_id,), None, partial(self._written.sensor, state))

    def _wake(self) -> None:
        self._wake_some(iter(tuple(self._clients)))

    def _wake_some(self, asleep: Iterator[Client]) -> None:
        woken = tuple(islice(asleep, AT_ONCE))
        for client in woken:
            client.awake.set()
        if len(woken) == AT_ONCE:
            asyncio.get_running_loop().call_soon(self._wake_some, asleep)
