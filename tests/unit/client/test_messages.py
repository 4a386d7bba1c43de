"""What a stream says of the age of data."""

from datetime import UTC, datetime

import pytest

from metrla.client import HeartbeatMessage
from metrla.client.traffic import DataAge, StageAge
from metrla.client.values import DataStage, DataState

SINCE = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stage", "arrived_at", "word"),
    [
        (DataStage.READINGS, None, "no data yet, since 2026-11-30T12:00:00Z"),
        (DataStage.READINGS, SINCE, "stale since 2026-11-30T12:00:00Z (readings)"),
        (DataStage.FORECASTS, None, "stale since 2026-11-30T12:00:00Z (forecasts)"),
    ],
)
def test_a_network_that_nobody_feeds_is_told_from_one_that_stopped(
    stage: DataStage, arrived_at: datetime | None, word: str
) -> None:
    late = StageAge(
        stage=stage, state=DataState.STALE, age_s=700.0, limit_s=600.0, arrived_at=arrived_at, event_time=None
    )
    row = DataAge(network_id="toy", state=DataState.STALE, since=SINCE, stale=(stage,), stages=(late,))
    told = HeartbeatMessage(type="heartbeat", data=(row,), timestamp=None, interval_s=3.0)
    assert (told.word(), told.stale) == (word, True)
