"""The messages of the WebSocket."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field, TypeAdapter

from metrla.client.alerts import Alert
from metrla.client.traffic import DataAge, Prediction, SensorReport
from metrla.client.values import DataStage, DataState

STALE_WINDOWS = 2
"""Forecasts may be so many windows behind."""


class PredictionsMessage(BaseModel):
    """Forecasts: all of them (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["predictions_snapshot", "predictions_update"]
    data: tuple[Prediction, ...]
    timestamp: datetime | None


class AlertsMessage(BaseModel):
    """Alerts: all of them (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["alerts_snapshot", "alerts_update"]
    data: tuple[Alert, ...]
    timestamp: datetime | None


class SensorsMessage(BaseModel):
    """Sensors: all with a window (snapshot) or what changed (update). `timestamp` is the newest event time, UTC."""

    type: Literal["sensors_snapshot", "sensors_update"]
    data: tuple[SensorReport, ...]
    timestamp: datetime | None


class HeartbeatMessage(BaseModel):
    """How old the data of each network is. Of these messages a stream passes on those that say something new.

    `unheard_since` is set by the client itself, where nothing came from the gateway for three heartbeats: the wall time
    of the last message. `data` is then what the gateway said last.
    """

    type: Literal["heartbeat"]
    data: tuple[DataAge, ...]
    timestamp: datetime | None
    interval_s: Annotated[float, Field(gt=0)]
    unheard_since: datetime | None = None

    @property
    def stale(self) -> bool:
        """Whether anything is older than it may be, or the gateway is not heard."""
        return self.unheard_since is not None or any(row.state is DataState.STALE for row in self.data)

    def word(self, network_id: str | None = None) -> str:
        """'fresh', 'waiting', 'no data yet, since …' or 'stale since … (stage)', of one network or the worst."""
        if self.unheard_since is not None:
            return _since(self.unheard_since, "gateway")
        rows = [row for row in self.data if network_id in {None, row.network_id}]
        for row in rows:
            if row.state is DataState.STALE and row.since is not None and row.stale:
                return _since(row.since, row.stale[0], never=_never_came(row), behind=_behind(row))
        waiting = not rows or any(row.state is DataState.WAITING for row in rows)
        return (DataState.WAITING if waiting else DataState.FRESH).value


def _never_came(row: DataAge) -> bool:
    """Whether nothing has ever come of a network: its readings are late, and there was none."""
    first = next((age for age in row.stages if age.state is DataState.STALE), None)
    return first is not None and first.stage is DataStage.READINGS and first.arrived_at is None


def _behind(row: DataAge) -> str:
    """By how many windows the forecasts are behind, where they are what is late."""
    first = next((age for age in row.stages if age.state is DataState.STALE), None)
    windows = None if first is None else first.behind_windows
    return f", {windows} windows behind" if windows is not None and windows > STALE_WINDOWS else ""


def _since(time: datetime, stage: str, *, never: bool = False, behind: str = "") -> str:
    since = time.isoformat(timespec="seconds").replace("+00:00", "Z")
    return f"no data yet, since {since}" if never else f"stale since {since}{behind} ({stage})"


Message = PredictionsMessage | AlertsMessage | SensorsMessage | HeartbeatMessage
MESSAGE: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
