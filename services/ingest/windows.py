"""Event-time tumbling windows of one partition of the log. Pure: the arrival time is passed in.

The algorithm is the watermark model of Akidau et al., "The Dataflow Model" (VLDB 2015), with accumulating panes:
- the watermark of a network is its greatest event timestamp so far, less the allowed out-of-orderness. Networks keep
  watermarks of their own, so two feeds of different days can share a log;
- a window [s, e) closes, and is emitted, once the watermark reaches e; a new reading re-emits it (whole, with a higher
  revision) until it is final: once the watermark reaches e + lateness;
- a reading counts once by (sensor, timestamp), the first one wins; one without any measure only moves the watermark.

Which readings a window absorbs is decided per event, and a window's content depends on those alone, so both are
functions of the log, however it is cut into batches and wherever a crash cuts it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf

from services.ingest.checkpoint import Checkpoint, NetworkProgress
from services.ingest.summary import summarise
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId, TrafficEvent
from shared.traffic.network import Network

Readings = dict[SensorId, dict[int, TrafficEvent]]


@dataclass(frozen=True, slots=True)
class WindowPolicy:
    """When windows close and stay closed.

    `lateness` is event time. `idle_timeout_s` of arrival time without events emits what is open; after `silence_s` a
    network has stopped for good: its windows are final, so that they do not hold the committed offset back for ever.
    """

    lateness: timedelta = timedelta(minutes=15)
    out_of_orderness: timedelta = timedelta(0)
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
    too_late: int = 0
    first: int = 0
    revised: int = 0


@dataclass(slots=True)
class _Window:
    start_ms: int
    first_offset: int
    readings: Readings = field(default_factory=dict)
    unsent: set[SensorId] = field(default_factory=set)
    sent: set[SensorId] = field(default_factory=set)


class _NetworkWindows:
    """The open and not yet final windows of one network, by start."""

    __slots__ = ("expected", "final_ms", "last_arrival_s", "network_id", "watermark_ms", "window_ms", "windows")

    def __init__(self, network: Network, progress: NetworkProgress | None, lateness_ms: int) -> None:
        self.network_id = network.network_id
        self.window_ms = network.window // timedelta(milliseconds=1)
        self.expected = network.window / network.reading_interval
        self.windows: dict[int, _Window] = {}
        self.last_arrival_s = -inf
        self.watermark_ms: float = -inf if progress is None else progress.watermark_ms
        # A lateness that was shortened since the commit makes more of them final, never fewer.
        self.final_ms: float = (
            -inf if progress is None else max(progress.final_through_ms, progress.watermark_ms - lateness_ms)
        )


class PartitionWindows:
    """The windows of every network in one partition, and where reading must begin to rebuild those not yet final.

    Memory holds the distinct readings of the windows that are not final: per sensor (window + lateness) /
    reading_interval of them. Call `add` for each event in offset order, then `drain` once per batch.
    """

    def __init__(self, networks: Mapping[NetworkId, Network], policy: WindowPolicy, checkpoint: Checkpoint) -> None:
        self._lateness_ms = policy.lateness // timedelta(milliseconds=1)
        self._disorder_ms = policy.out_of_orderness // timedelta(milliseconds=1)
        self._policy = policy
        self._networks = networks
        self._states = {
            network_id: _NetworkWindows(networks[network_id], progress, self._lateness_ms)
            for network_id, progress in checkpoint.networks.items()
            if network_id in networks
        }
        self.next_offset = checkpoint.position
        self.counts = WindowCounts()
        self.failed: list[FailedWindow] = []
        """Windows that could not be summarised, for whoever takes them out."""

    def add(self, event: TrafficEvent, offset: int, now_s: float = 0.0) -> None:
        """Take one valid event; `now_s` is when it arrived, on any clock that only goes forward."""
        self.next_offset = offset + 1
        state = self._states.get(event.network_id)
        if state is None:
            state = self._states[event.network_id] = _NetworkWindows(
                self._networks[event.network_id], None, self._lateness_ms
            )
        state.last_arrival_s = now_s
        timestamp_ms = int(event.timestamp.timestamp() * 1000 + 0.5)
        if event.speed_mph is not None or event.volume_vehicles is not None or event.occupancy is not None:
            self._absorb(state, event, timestamp_ms, offset)
        watermark_ms = timestamp_ms - self._disorder_ms
        if watermark_ms > state.watermark_ms:
            state.watermark_ms = watermark_ms
            state.final_ms = max(state.final_ms, watermark_ms - self._lateness_ms)

    def drain(self) -> list[ProcessedTrafficAggregate]:
        """Closed windows with readings that no earlier call returned, by (window_start, network_id, sensor_id)."""
        emitted: list[ProcessedTrafficAggregate] = []
        for state in self._states.values():
            for window in list(state.windows.values()):
                end_ms = window.start_ms + state.window_ms
                if window.unsent and end_ms <= state.watermark_ms:
                    self._emit(state, window, emitted)
                if end_ms <= state.final_ms:
                    del state.windows[window.start_ms]
        return sorted(emitted, key=emission_order)

    def drain_idle(self, now_s: float) -> list[ProcessedTrafficAggregate]:
        """Unsent windows of networks from which nothing came for a while, open ones too; these stay open."""
        emitted: list[ProcessedTrafficAggregate] = []
        for state in self._states.values():
            silent_s = now_s - state.last_arrival_s
            if silent_s < self._policy.idle_timeout_s:
                continue
            for window in state.windows.values():
                if window.unsent:
                    self._emit(state, window, emitted)
            if silent_s >= self._policy.silence_s and state.windows:
                state.final_ms = max(state.final_ms, max(state.windows) + state.window_ms)
                state.windows.clear()
        return sorted(emitted, key=emission_order)

    def checkpoint(self, position: int, handled: int) -> Checkpoint:
        """Where to take up again, given that everything before `position` has been added and drained.

        The offset never passes the first reading of a window that is not final.
        """
        for state in self._states.values():
            for window in state.windows.values():
                position = min(position, window.first_offset)
        progress = {
            state.network_id: NetworkProgress(int(max(state.final_ms, 0)), int(state.watermark_ms))
            for state in self._states.values()
            if state.watermark_ms > -inf
        }
        return Checkpoint(position, handled, progress)

    def take_counts(self) -> WindowCounts:
        """What happened since the last call."""
        counts, self.counts = self.counts, WindowCounts()
        return counts

    def _absorb(self, state: _NetworkWindows, event: TrafficEvent, timestamp_ms: int, offset: int) -> None:
        start_ms = timestamp_ms - timestamp_ms % state.window_ms
        if start_ms + state.window_ms <= state.final_ms:
            self.counts.too_late += 1
            return
        window = state.windows.get(start_ms)
        if window is None:
            window = state.windows[start_ms] = _Window(start_ms, offset)
        readings = window.readings.get(event.sensor_id)
        if readings is None:
            window.readings[event.sensor_id] = {timestamp_ms: event}
        elif timestamp_ms in readings:
            self.counts.duplicates += 1
            return
        else:
            readings[timestamp_ms] = event
        window.unsent.add(event.sensor_id)

    def _emit(self, state: _NetworkWindows, window: _Window, emitted: list[ProcessedTrafficAggregate]) -> None:
        start = datetime.fromtimestamp(window.start_ms / 1000, UTC)
        end = datetime.fromtimestamp((window.start_ms + state.window_ms) / 1000, UTC)
        for sensor_id in window.unsent:
            readings = window.readings[sensor_id]
            try:
                emitted.append(summarise(state.network_id, sensor_id, start, end, state.expected, readings))
            except Exception as fault:  # noqa: BLE001 - the last net: no reading may stop a partition
                self.failed.append(FailedWindow(state.network_id, sensor_id, start, end, fault))
                del window.readings[sensor_id]
        revised = len(window.unsent & window.sent)
        self.counts.revised += revised
        self.counts.first += len(window.unsent) - revised
        window.sent |= window.unsent
        window.unsent = set()


def emission_order(aggregate: ProcessedTrafficAggregate) -> tuple[datetime, NetworkId, SensorId]:
    """Sorts emissions in the order of the road network's clock."""
    return aggregate.window_start, aggregate.network_id, aggregate.sensor_id
