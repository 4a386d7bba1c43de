"""Answers as JSON, each written once, however many ask for it and by whatever way."""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable

from fastapi import Response

from services.gateway.alerts.alert import Alert
from services.gateway.responses import Answer, Prediction, SensorReport
from services.gateway.views.traffic import Forecast
from services.gateway.views.windows import SensorState
from shared.events.records import TrafficAlert

# About 1 kB each with what holds it: every horizon of the newest half hour of METR-LA.
MAX_ROWS = 16_384


class _Rows:
    """Written rows by their key, each with what it was written of; those not asked for longest go first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: OrderedDict[Hashable, tuple[tuple[object, ...], bytes]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def row(self, key: Hashable, of: tuple[object, ...], answer: Callable[[], Answer]) -> bytes:
        """The row with this key: as it was written, if it was written of the same."""
        kept = self._kept.get(key)
        # Tuples compare what is identical without a look into it.
        if kept is None or kept[0] != of:
            kept = self._kept[key] = of, answer().model_dump_json().encode()
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return kept[1]


class WrittenRows:
    """What REST and streams answer with, row by row. Not for several threads.

    Args:
        most: how many rows to keep of each kind.
    """

    def __init__(self, most: int = MAX_ROWS) -> None:
        self._forecasts = _Rows(most)
        self._sensors = _Rows(most)
        self._alerts = _Rows(most)

    def __len__(self) -> int:
        return len(self._forecasts) + len(self._sensors) + len(self._alerts)

    def forecast(self, forecast: Forecast) -> bytes:
        """One row of `/api/predictions`."""
        made = forecast.prediction
        # Its entry keeps the prediction alive, so that no other one has its identity.
        key = id(made), forecast.horizon.horizon_minutes
        of = made, forecast.current_speed_mph, forecast.actual_speed_mph
        return self._forecasts.row(key, of, lambda: Prediction.of(forecast))

    def sensor(self, state: SensorState) -> bytes:
        """One row of `/api/sensors`."""
        key = state.network_id, state.sensor.sensor_id
        return self._sensors.row(key, (state.newest, state.doubted, state.clock_off), lambda: SensorReport.of(state))

    def alert(self, alert: TrafficAlert) -> bytes:
        """One row of `/api/alerts`."""
        return self._alerts.row(alert.alert_id, (alert,), lambda: Alert.of(alert))


def json_list(rows: Iterable[bytes]) -> Response:
    """The answer that is a list of these rows."""
    return Response(b"".join((b"[", b",".join(rows), b"]")), media_type="application/json")
