"""How old what is known of each network is, stage by stage on its way from the road to the clients.

An age is wall time, never a difference to event time: since the last arrival, or, where it is longer, since the oldest
arrived of what the stage has not worked off yet. So a replay of 2012 is fresh while it runs, and stale once it stops;
and a predictor that goes on, an hour behind the windows, is an hour late. What is too old follows from the network: two
of its windows, as long as they last on the wall (a window of five minutes lasts five seconds in a replay at 60 times
real time), and never less than `least_s`. Forecasts that are behind by more windows than come in that time and two are
given `least_s` only: what came in a burst is not new because it came just now.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median

from shared.events.records import NetworkId, ProcessedTrafficAggregate, TrafficPrediction
from shared.runtime.clock import Clock, Monotonic
from shared.traffic.network import Network

STALE_WINDOWS = 2
# Sensors are read at their own moments, and a publisher may skip one: a third interval without any is silence.
STALE_READINGS = 3
# The pace is the median of the last three windows: a pause in a replay, or windows that were caught up, are outvoted.
PACED_WINDOWS = 4
# Where a burst gives way to a slower pace, readings tell long before the third window does.
PACED_READINGS = 15
# Data whose event time is so close to the wall clock is live: windows last what they say, whatever was caught up.
LIVE_WITHIN_WINDOWS = 3

MAX_AGE_S = 10 * 365 * 86_400.0

# What an ingest that does not say it waits before it writes to the archive, and the time that a write may take.
ARCHIVE_FLUSH_S = 60.0
ARCHIVE_WRITE_S = 30.0

# Windows without a forecast of which it is known when they came; of more the last ones count as those before them.
MOST_WAITING = 5_000


class DataStage(StrEnum):
    """Where data is on its way, in this order: whoever comes later waits for whoever comes earlier.

    The archive, which takes readings beside all others, is waited for by nobody.
    """

    BROKER = "broker"
    READINGS = "readings"
    WINDOWS = "windows"
    FORECASTS = "forecasts"
    ALERTS = "alerts"
    PUSH = "push"
    ARCHIVE = "archive"


class DataState(StrEnum):
    """Whether data is as new as it should be."""

    WAITING = "waiting"
    FRESH = "fresh"
    STALE = "stale"


_AFTER = {
    DataStage.WINDOWS: DataStage.READINGS,
    DataStage.FORECASTS: DataStage.WINDOWS,
    DataStage.ALERTS: DataStage.WINDOWS,
    DataStage.PUSH: DataStage.WINDOWS,
}
"""What a stage that has had no data yet waits for: it is late only once this is there."""


_NEWS = (DataStage.WINDOWS, DataStage.FORECASTS)


@dataclass(frozen=True, slots=True)
class Age:
    """One stage of one network.

    Attributes:
        stage: which.
        state: waiting before the first arrival, unless that is late.
        age_s: wall time since the last arrival, seconds; of a stage without any, since it had to be expected; of one
            that is behind, since the oldest arrived of what it has not worked off.
        limit_s: age in seconds beyond which it is stale.
        arrived_at: wall time of the last arrival; `None` before the first.
        event_time: newest event time that arrived; `None` where the stage has none.
        behind_windows: of forecasts, by how many windows they are behind the newest one; `None` of other stages, and
            before the first forecast.
    """

    stage: DataStage
    state: DataState
    age_s: float | None
    limit_s: float
    arrived_at: datetime | None
    event_time: datetime | None
    behind_windows: int | None = None


@dataclass(frozen=True, slots=True)
class NetworkAges:
    """All stages of one network; `since` is when the first that is stale had its last arrival."""

    network_id: NetworkId
    state: DataState
    since: datetime | None
    ages: tuple[Age, ...]

    @property
    def first_stale(self) -> Age | None:
        """The stage that holds up the others."""
        return next((age for age in self.ages if age.state is DataState.STALE), None)

    @property
    def stale(self) -> tuple[DataStage, ...]:
        """The stages that are stale, the one that holds up the others first."""
        return tuple(age.stage for age in self.ages if age.state is DataState.STALE)

    @property
    def word(self) -> str:
        """'fresh', 'waiting', 'no data yet, since …', or 'stale since …' with the stage that holds up the others.

        Of forecasts it says as well by how many windows they are behind, where that is more than it should be.
        """
        first = self.first_stale
        if self.since is None or first is None:
            return self.state.value
        since = self.since.isoformat(timespec="seconds").replace("+00:00", "Z")
        if first.stage is DataStage.READINGS and first.arrived_at is None:
            return f"no data yet, since {since}"
        return f"stale since {since}{_behind(first.behind_windows)} ({first.stage})"


def _behind(windows: int | None) -> str:
    return f", {windows} windows behind" if windows is not None and windows > STALE_WINDOWS else ""


@dataclass(slots=True)
class _Track:
    """Arrivals of one stage, monotonic seconds."""

    first_s: float | None = None
    last_s: float | None = None
    event_time: datetime | None = None
    waiting_since_s: float | None = None
    """When the oldest came of what the stage has not worked off; `None`: nothing is known to wait."""
    allowed_s: float | None = None
    """How long it may wait, where that is for the stage to say."""

    def note(self, at_s: float, event_time: datetime | None) -> None:
        self.first_s = at_s if self.first_s is None else min(self.first_s, at_s)
        self.last_s = at_s if self.last_s is None else max(self.last_s, at_s)
        if event_time is not None:
            self.event_time = event_time if self.event_time is None else max(self.event_time, event_time)


@dataclass(slots=True)
class _NetworkTracks:
    stages: dict[DataStage, _Track] = field(
        default_factory=lambda: {stage: _Track() for stage in DataStage if stage is not DataStage.BROKER}
    )
    window_ends: dict[datetime, float] = field(default_factory=dict)
    """First arrival by window end, of the newest windows."""
    unforecast: dict[datetime, float] = field(default_factory=dict)
    """First arrival by window end, of windows newer than the newest forecast."""
    reading_intervals_s: deque[float] = field(default_factory=lambda: deque(maxlen=PACED_READINGS))
    """Wall time between two readings of one sensor, the last of any sensors."""
    news: bool = False
    """Whether something new came since the last push."""

    def note_window(self, end: datetime, at_s: float) -> None:
        self.window_ends[end] = min(at_s, self.window_ends.get(end, at_s))
        if len(self.window_ends) > PACED_WINDOWS:
            del self.window_ends[min(self.window_ends)]
        forecast = self.stages[DataStage.FORECASTS].event_time
        if forecast is None or end > forecast:
            if end in self.unforecast or len(self.unforecast) < MOST_WAITING:
                self.unforecast[end] = min(at_s, self.unforecast.get(end, at_s))
            self._note_unforecast()

    def note_forecast(self, origin: datetime) -> None:
        """Windows up to `origin` wait for no forecast any more."""
        for end in [end for end in self.unforecast if end <= origin]:
            del self.unforecast[end]
        self._note_unforecast()

    def _note_unforecast(self) -> None:
        self.stages[DataStage.FORECASTS].waiting_since_s = min(self.unforecast.values(), default=None)

    def window_s(self, window: timedelta) -> float | None:
        """How long a window lasts on the wall, seconds; `None` while there is no second one."""
        lengths = [
            max(0.0, self.window_ends[later] - self.window_ends[earlier]) * (window / (later - earlier))
            for earlier, later in pairwise(sorted(self.window_ends))
        ]
        return median(lengths) if lengths else None


class DataAges:
    """What arrived when, of every network and stage.

    Args:
        networks: the networks, with their windows and reading intervals.
        least_s: no age below is stale, seconds.
        push_interval_s: time that the gateway itself keeps updates back, seconds.
        clock: wall time, to say when.
        monotonic: seconds that only go forward: no clock that is set makes data old or new.
    """

    def __init__(
        self,
        networks: Mapping[NetworkId, Network],
        least_s: float,
        push_interval_s: float,
        clock: Clock,
        monotonic: Monotonic,
    ) -> None:
        self._networks = networks
        self._least_s = least_s
        self._push_interval_s = push_interval_s
        self._clock = clock
        self._monotonic = monotonic
        self._broker = _Track()
        self._tracks = {network_id: _NetworkTracks() for network_id in networks}
        self._complete_s: float | None = None

    @property
    def complete(self) -> bool:
        """Whether everything that was on the log has been noted; before, nothing can be said to be late."""
        return self._complete_s is not None

    @complete.setter
    def complete(self, done: bool) -> None:
        if done is not self.complete:
            self._complete_s = self._monotonic() if done else None

    def note_broker(self) -> None:
        """The log answered just now."""
        self._broker.note(self._monotonic(), None)

    def note(
        self,
        network_id: NetworkId,
        stage: DataStage,
        written_ms: int | None = None,
        event_time: datetime | None = None,
    ) -> None:
        """Something of a network arrived, just now or, of what is read back, when the log says that it was written.

        Args:
            network_id: whose.
            stage: where it arrived.
            written_ms: the log's time of what is read back, milliseconds since the epoch; `None`: just now.
            event_time: when it was so on the road.
        """
        tracks = self._tracks[network_id]
        tracks.stages[stage].note(self._arrival_s(written_ms), event_time)
        tracks.news |= stage in _NEWS

    def note_reading_interval(self, network_id: NetworkId, seconds: float) -> None:
        """So much wall time was between two readings of a sensor of the network."""
        self._tracks[network_id].reading_intervals_s.append(seconds)

    def note_record(self, record: ProcessedTrafficAggregate | TrafficPrediction, written_ms: int | None = None) -> None:
        """A window or a forecast arrived that is newer than what was known of its sensor.

        A forecast without a speed at its origin is no sign of life: they go on in the silence of a network.
        """
        if isinstance(record, ProcessedTrafficAggregate):
            self._tracks[record.network_id].note_window(record.window_end, self._arrival_s(written_ms))
            self.note(record.network_id, DataStage.WINDOWS, written_ms, record.window_end)
        elif record.serving and record.current_speed_mph is not None:
            newest = self._tracks[record.network_id].stages[DataStage.FORECASTS].event_time
            if newest is None or record.timestamp >= newest:
                self.note(record.network_id, DataStage.FORECASTS, written_ms, record.timestamp)
                self._tracks[record.network_id].note_forecast(record.timestamp)

    def note_waiting(
        self, network_id: NetworkId, stage: DataStage, waited_s: float | None, allowed_s: float | None = None
    ) -> None:
        """How far a stage has come that works off what is on the log, as of now.

        Args:
            network_id: whose.
            stage: windows: readings that ingest has not read; alerts and archive: what has not got into them. Of these
                two, which nothing else tells of, everything before that has arrived.
            waited_s: how long the oldest has been on the log, seconds; `None`: nothing waits.
            allowed_s: how long it may, where that is not for the network's windows to say.
        """
        track, now_s = self._tracks[network_id].stages[stage], self._monotonic()
        track.waiting_since_s = None if waited_s is None else now_s - waited_s
        track.allowed_s = allowed_s
        if stage is not DataStage.WINDOWS:
            track.note(now_s if track.waiting_since_s is None else track.waiting_since_s, None)

    def note_push(self, network_id: NetworkId) -> None:
        """Changes of a network were passed on to the clients.

        That counts as a push of what is new only where something new had come since the last one: what changes in the
        silence of a network (forecasts without a speed, sensors that cease to report) is passed on, and is no news.
        """
        tracks = self._tracks[network_id]
        if tracks.news:
            tracks.news = False
            self.note(network_id, DataStage.PUSH)

    def of(self, network_id: NetworkId) -> NetworkAges:
        """The ages of one network now."""
        tracks, now_s = self._tracks[network_id], self._monotonic()
        ages = tuple(self._age(network_id, tracks, stage, now_s) for stage in DataStage)
        first_stale = next((age for age in ages if age.state is DataState.STALE), None)
        if first_stale is not None:
            since = self._clock() - timedelta(seconds=first_stale.age_s or 0.0)
            return NetworkAges(network_id, DataState.STALE, since, ages)
        begun = self.complete and tracks.stages[DataStage.WINDOWS].last_s is not None
        return NetworkAges(network_id, DataState.FRESH if begun else DataState.WAITING, None, ages)

    def all(self) -> tuple[NetworkAges, ...]:
        """The ages of every network now, in their order."""
        return tuple(map(self.of, self._networks))

    def _age(self, network_id: NetworkId, tracks: _NetworkTracks, stage: DataStage, now_s: float) -> Age:
        track = self._broker if stage is DataStage.BROKER else tracks.stages[stage]
        behind = self._behind(network_id, tracks) if stage is DataStage.FORECASTS else None
        limit_s = self._limit_s(network_id, tracks, stage, behind)
        since_s = track.last_s
        if since_s is None and stage in _AFTER:
            since_s = tracks.stages[_AFTER[stage]].first_s
        if since_s is None and stage is DataStage.READINGS and tracks.stages[DataStage.WINDOWS].last_s is None:
            # Nothing is before them to wait for: a network that nobody feeds is late by our own time.
            since_s = self._complete_s
        if track.waiting_since_s is not None:
            since_s = track.waiting_since_s if since_s is None else min(since_s, track.waiting_since_s)
        age_s = None if since_s is None else max(0.0, now_s - since_s)
        state = DataState.WAITING if track.last_s is None else DataState.FRESH
        if self.complete and age_s is not None and age_s > limit_s:
            state = DataState.STALE
        arrived_at = None if track.last_s is None else self._clock() - timedelta(seconds=max(0.0, now_s - track.last_s))
        return Age(stage, state, age_s, limit_s, arrived_at, track.event_time, behind)

    def _behind(self, network_id: NetworkId, tracks: _NetworkTracks) -> int | None:
        window = tracks.stages[DataStage.WINDOWS].event_time
        forecast = tracks.stages[DataStage.FORECASTS].event_time
        if window is None or forecast is None:
            return None
        return max(0, (window - forecast) // self._networks[network_id].window)

    def _limit_s(self, network_id: NetworkId, tracks: _NetworkTracks, stage: DataStage, behind: int | None) -> float:
        if stage is DataStage.BROKER:
            return self._least_s
        if stage is DataStage.ARCHIVE:
            return max(self._least_s, tracks.stages[stage].allowed_s or ARCHIVE_FLUSH_S + ARCHIVE_WRITE_S)
        network = self._networks[network_id]
        window_s = self._window_s(network, tracks)
        if stage is DataStage.READINGS:
            reading_s = window_s * (network.reading_interval / network.window)
            return max(self._least_s, min(STALE_WINDOWS * window_s, STALE_READINGS * reading_s))
        limit_s = max(self._least_s, STALE_WINDOWS * window_s)
        if behind is not None and (behind - STALE_WINDOWS) * window_s > limit_s:
            return self._least_s
        return limit_s + (self._push_interval_s if stage is DataStage.PUSH else 0.0)

    def _window_s(self, network: Network, tracks: _NetworkTracks) -> float:
        nominal_s, measured_s = network.window.total_seconds(), tracks.window_s(network.window)
        if measured_s is None:
            return nominal_s
        if tracks.reading_intervals_s:
            by_readings_s = median(tracks.reading_intervals_s) * (network.window / network.reading_interval)
            measured_s = max(measured_s, min(by_readings_s, nominal_s))
        newest = max(tracks.window_ends)
        live = abs(self._clock() - newest) <= LIVE_WITHIN_WINDOWS * network.window
        return max(measured_s, nominal_s) if live else measured_s

    def _arrival_s(self, written_ms: int | None) -> float:
        now_s = self._monotonic()
        if written_ms is None:
            return now_s
        # Whoever writes to the log may give it any time.
        return now_s - min(MAX_AGE_S, max(0.0, self._clock().timestamp() - written_ms / 1000))
