"""Event-time tumbling windows of one partition of the log. Pure: the arrival time is passed in.

The algorithm is the watermark model of Akidau et al., "The Dataflow Model" (VLDB 2015), with accumulating panes:
- the watermark of a network is the greatest time so far that a majority of its sensors has reached (`clocks`), less
  the allowed out-of-orderness. A reading counts there as no later than the log took it, give or take a tolerance, so a
  fast clock moves no watermark, not even alone. Networks keep watermarks of their own, so two feeds of different days
  can share a log;
- a window [s, e) closes, and is emitted, once the watermark reaches e; a new reading re-emits it (whole, with a higher
  revision) until it is final: once the watermark reaches e + lateness;
- a reading counts once by (sensor, timestamp): of each measure the first value wins, and a message that brings a
  measure which those before it left out is merged with them. One without any measure only moves the watermark;
- the readings of a fast clock are ahead of the watermark. They wait in their windows until it has reached them.

Which readings a window absorbs is decided per event, and a window's content depends on those alone, so both are
functions of the log, however it is cut into batches and wherever a crash cuts it.
"""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import inf

from services.ingest.checkpoint import Checkpoint, NetworkProgress
from services.ingest.clocks import HOUR_MS, NetworkClocks
from services.ingest.summary import summarise
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficEvent
from shared.traffic.network import Network

MILLISECOND = timedelta(milliseconds=1)
MEASURES = ("speed_mph", "volume_vehicles", "occupancy")

Readings = dict[SensorId, dict[int, TrafficEvent]]
ExpectedSensors = Callable[[Network], Collection[SensorId]]
"""Which sensors of a network a partition is to have."""

# A window that is ahead of the watermark waits this many times as long as others for the network to go on.
PATIENCE = 10


def nobody(_network: Network) -> Collection[SensorId]:
    """Which sensors a partition is to have, where that is not known."""
    return ()


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """When windows close and stay closed.

    `lateness` is event time. A reading moves the watermark at most `clock_tolerance` past the time at which it was put
    on the log. After `round_readings` a sensor is dead that has not spoken. `idle_timeout_s` of arrival time without
    events of a window emits it, though it is open; after `silence_s` a network has stopped for good: its windows are
    final, so that they do not hold the committed offset back for ever.
    """

    lateness: timedelta = timedelta(minutes=15)
    out_of_orderness: timedelta = timedelta(0)
    clock_tolerance: timedelta = timedelta(minutes=1)
    round_readings: int = 1_024
    idle_timeout_s: float = 60.0
    silence_s: float = 24 * 3600.0


@dataclass(frozen=True, slots=True)
class FailedWindow:
    """The window of a sensor that could not be summarised; it is forgotten."""

    network_id: NetworkId
    sensor_id: SensorId
    start: datetime
    end: datetime
    fault: Exception


@dataclass(slots=True)
class WindowCounts:
    """What happened since the last look."""

    duplicates: int = 0
    merged: int = 0
    too_late: Counter[tuple[NetworkId, SensorId]] = field(default_factory=Counter)
    first: int = 0
    revised: int = 0


@dataclass(slots=True)
class _Window:
    start_ms: int
    first_offset: int
    last_arrival_s: float
    readings: Readings = field(default_factory=dict)
    merged: Counter[SensorId] = field(default_factory=Counter)
    unsent: set[SensorId] = field(default_factory=set)
    sent: set[SensorId] = field(default_factory=set)


class _NetworkWindows:
    """The open and not yet final windows of one network, by start."""

    __slots__ = (
        "clocks",
        "expected",
        "final_ms",
        "last_arrival_s",
        "network_id",
        "off_ms",
        "vouched_ms",
        "watermark_ms",
        "window_ms",
        "windows",
    )

    def __init__(
        self, network: Network, clocks: NetworkClocks, progress: NetworkProgress | None, lateness_ms: int
    ) -> None:
        self.network_id = network.network_id
        self.window_ms = network.window // MILLISECOND
        self.expected = network.window / network.reading_interval
        self.off_ms = clock_is_off_ms(network)
        self.windows: dict[int, _Window] = {}
        self.last_arrival_s = -inf
        self.clocks = clocks
        self.watermark_ms: float = -inf
        self.final_ms: float = -inf
        self.vouched_ms = -inf
        if progress is not None and progress.watermark_ms is not None:
            self.watermark_ms = progress.watermark_ms
            # A lateness that was shortened since the commit makes more of them final, never fewer.
            self.final_ms = max(progress.final_through_ms, progress.watermark_ms - lateness_ms)

    @property
    def reached_ms(self) -> float:
        """The event time up to which windows may be emitted.

        That is the watermark; before there is one, whatever those have reached who have spoken, as nothing is final.
        """
        return self.watermark_ms if self.watermark_ms > -inf else self.clocks.heard_ms

    def compare(self, sensor_id: SensorId, timestamp_ms: int, logged_ms: float, time_ms: float) -> None:
        """Compare a clock with the log, where that is near, or else with the network's time."""
        off_ms = self.off_ms
        ahead_ms = timestamp_ms - logged_ms
        if -off_ms <= ahead_ms <= off_ms:
            self.vouched_ms = max(self.vouched_ms, timestamp_ms)
        elif self.clocks.many and time_ms > -inf:
            ahead_ms = timestamp_ms - time_ms
        elif not 0 < ahead_ms <= HOUR_MS:
            # Long before the log proves nothing: what is recorded or was held up comes late by a right clock.
            return
        if not -off_ms <= ahead_ms <= off_ms or self.clocks.any_off:
            self.clocks.judge(sensor_id, ahead_ms)


def clock_is_off_ms(network: Network) -> int:
    """How many milliseconds a clock may differ from the network's time before it is off: a window, or two readings."""
    return max(network.window, 2 * network.reading_interval) // MILLISECOND


class PartitionWindows:
    """The windows of every network in one partition, and where reading must begin to rebuild those not yet final.

    Memory holds the distinct readings of the windows that are not final: per sensor (window + lateness) /
    reading_interval of them. Call `add` for each event in offset order, then `drain` once per batch.
    """

    def __init__(
        self,
        networks: Mapping[NetworkId, Network],
        policy: WindowPolicy,
        checkpoint: Checkpoint,
        expected: ExpectedSensors = nobody,
    ) -> None:
        self._lateness_ms = policy.lateness // MILLISECOND
        self._disorder_ms = policy.out_of_orderness // MILLISECOND
        self._tolerance_ms = policy.clock_tolerance // MILLISECOND
        self._policy = policy
        self._networks = networks
        self._expected = expected
        self._states: dict[NetworkId, _NetworkWindows] = {}
        for network_id, progress in checkpoint.networks.items():
            if network_id in networks:
                self._begin(network_id, progress)
        self._through = checkpoint.through
        self.next_offset = checkpoint.position
        self.counts = WindowCounts()
        self.failed: list[FailedWindow] = []
        """Windows that could not be summarised, for whoever takes them out."""

    def add(self, event: TrafficEvent, offset: int, now_s: float = 0.0, logged_ms: float = inf) -> None:
        """Take one valid event.

        Args:
            event: a reading.
            offset: its place in the partition.
            now_s: when it arrived, on any clock that only goes forward.
            logged_ms: when it was put on the log, in milliseconds since 1970; infinity where that is not known.
        """
        self.next_offset = offset + 1
        state = self._states.get(event.network_id)
        if state is None:
            state = self._begin(event.network_id, None)
        state.last_arrival_s = now_s
        timestamp_ms = int(event.timestamp.timestamp() * 1000 + 0.5)
        again = offset < self._through
        if event.speed_mph is not None or event.volume_vehicles is not None or event.occupancy is not None:
            self._absorb(state, event, timestamp_ms, offset, now_s, again=again)
        latest_ms = logged_ms + self._tolerance_ms
        stamp_ms = min(timestamp_ms, latest_ms)
        if again:
            # The watermark has been where these readings led it.
            state.clocks.recall(event.sensor_id, stamp_ms, offset)
            return
        time_ms = state.clocks.take(event.sensor_id, stamp_ms, offset)
        if state.clocks.any_off or logged_ms - timestamp_ms <= HOUR_MS or abs(timestamp_ms - time_ms) > state.off_ms:
            state.compare(event.sensor_id, timestamp_ms, logged_ms, time_ms)
        watermark_ms = time_ms - self._disorder_ms
        if watermark_ms > state.watermark_ms:
            state.watermark_ms = watermark_ms
            state.final_ms = max(state.final_ms, watermark_ms - self._lateness_ms)

    def drain(self) -> list[ProcessedTrafficAggregate]:
        """Closed windows with readings that no earlier call returned, by (window_start, network_id, sensor_id)."""
        emitted: list[ProcessedTrafficAggregate] = []
        for state in self._states.values():
            reached_ms = state.reached_ms
            for window in list(state.windows.values()):
                end_ms = window.start_ms + state.window_ms
                if window.unsent and end_ms <= max(reached_ms, state.final_ms):
                    self._emit(state, window, emitted)
                if end_ms <= state.final_ms:
                    del state.windows[window.start_ms]
        return sorted(emitted, key=emission_order)

    def drain_idle(self, now_s: float) -> list[ProcessedTrafficAggregate]:
        """Unsent windows for which nothing came for a while, open ones too; these stay open.

        A window that lies ahead of the network's time waits longer: a fast clock is no reason to be early.
        """
        emitted: list[ProcessedTrafficAggregate] = []
        for state in self._states.values():
            silent_s = now_s - state.last_arrival_s
            ahead_too = silent_s >= min(PATIENCE * self._policy.idle_timeout_s, self._policy.silence_s)
            present_ms = max(state.reached_ms, state.vouched_ms) + state.window_ms
            for window in state.windows.values():
                idle = now_s - window.last_arrival_s >= self._policy.idle_timeout_s
                if window.unsent and idle and (ahead_too or window.start_ms <= present_ms):
                    self._emit(state, window, emitted)
            if self._policy.silence_s <= silent_s < inf:
                if state.windows:
                    state.final_ms = max(state.final_ms, max(state.windows) + state.window_ms)
                    state.windows.clear()
                state.clocks = self._clocks(state.network_id, None)
        return sorted(emitted, key=emission_order)

    def checkpoint(self, position: int, handled: int) -> Checkpoint:
        """Where to take up again, given that everything before `position` has been added and drained.

        The offset never passes the first reading of a window that is not final, nor the beginning of the last round of
        a network's clocks.
        """
        through = max(position, self._through)
        progress: dict[NetworkId, NetworkProgress] = {}
        for state in self._states.values():
            for window in state.windows.values():
                position = min(position, window.first_offset)
            rounds = state.clocks.rounds(through)
            if rounds is not None:
                position = min(position, rounds.first_offset)
            watermark_ms = max(state.watermark_ms, state.final_ms)
            if rounds is not None or watermark_ms > -inf:
                progress[state.network_id] = NetworkProgress(
                    int(max(state.final_ms, 0)), int(watermark_ms) if watermark_ms > -inf else None, rounds
                )
        return Checkpoint(position, handled, progress, through)

    def off(self) -> dict[tuple[NetworkId, SensorId], float]:
        """The sensors whose clocks are off, with the seconds by which they are fast, or slow where negative."""
        return {
            (state.network_id, sensor_id): ahead_ms / 1000
            for state in self._states.values()
            for sensor_id, ahead_ms in state.clocks.off()
        }

    def take_counts(self) -> WindowCounts:
        """What happened since the last call."""
        counts, self.counts = self.counts, WindowCounts()
        return counts

    def _begin(self, network_id: NetworkId, progress: NetworkProgress | None) -> _NetworkWindows:
        clocks = self._clocks(network_id, progress)
        state = _NetworkWindows(self._networks[network_id], clocks, progress, self._lateness_ms)
        self._states[network_id] = state
        return state

    def _clocks(self, network_id: NetworkId, progress: NetworkProgress | None) -> NetworkClocks:
        network = self._networks[network_id]
        rounds = None if progress is None else progress.rounds
        return NetworkClocks(
            self._expected(network),
            clock_is_off_ms(network),
            self._policy.round_readings,
            network.reading_interval // MILLISECOND,
            rounds,
        )

    def _absorb(
        self,
        state: _NetworkWindows,
        event: TrafficEvent,
        timestamp_ms: int,
        offset: int,
        now_s: float,
        *,
        again: bool,
    ) -> None:
        start_ms = timestamp_ms - timestamp_ms % state.window_ms
        if start_ms + state.window_ms <= state.final_ms:
            if not again:
                self.counts.too_late[state.network_id, event.sensor_id] += 1
            return
        window = state.windows.get(start_ms)
        if window is None:
            window = state.windows[start_ms] = _Window(start_ms, offset, now_s)
        window.last_arrival_s = now_s
        readings = window.readings.get(event.sensor_id)
        if readings is None:
            window.readings[event.sensor_id] = {timestamp_ms: event}
        elif (known := readings.get(timestamp_ms)) is None:
            readings[timestamp_ms] = event
        elif (whole := merged(known, event)) is known:
            self.counts.duplicates += 1
            return
        else:
            readings[timestamp_ms] = whole
            window.merged[event.sensor_id] += 1
            self.counts.merged += 1
        window.unsent.add(event.sensor_id)

    def _emit(self, state: _NetworkWindows, window: _Window, emitted: list[ProcessedTrafficAggregate]) -> None:
        start = datetime.fromtimestamp(window.start_ms / 1000, UTC)
        end = datetime.fromtimestamp((window.start_ms + state.window_ms) / 1000, UTC)
        for sensor_id in window.unsent:
            readings = window.readings[sensor_id]
            merges = window.merged.get(sensor_id, 0)
            try:
                emitted.append(summarise(state.network_id, sensor_id, start, end, state.expected, readings, merges))
            except Exception as fault:  # noqa: BLE001 - the last net: no reading may stop a partition
                self.failed.append(FailedWindow(state.network_id, sensor_id, start, end, fault))
                del window.readings[sensor_id]
        revised = len(window.unsent & window.sent)
        self.counts.revised += revised
        self.counts.first += len(window.unsent) - revised
        window.sent |= window.unsent
        window.unsent = set()


def merged(known: TrafficEvent, event: TrafficEvent) -> TrafficEvent:
    """A reading with the measures that only a later message about it has; `known` itself where there are none."""
    missing = {name: getattr(event, name) for name in MEASURES if getattr(known, name) is None}
    missing = {name: value for name, value in missing.items() if value is not None}
    return replace(known, **missing) if missing else known


def emission_order(aggregate: ProcessedTrafficAggregate) -> tuple[datetime, NetworkId, SensorId]:
    """Sorts emissions in the order of the road network's clock."""
    return aggregate.window_start, aggregate.network_id, aggregate.sensor_id
