"""No record is believed that is dated far ahead of when it was logged, whatever its kind."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.present import logged_at, require_present
from shared.events.records import (
    AlertAction,
    AlertActionKind,
    AlertId,
    HorizonForecast,
    NetworkId,
    SensorId,
    TrafficAdvisory,
    TrafficPrediction,
)
from tests.kit.announcements import advisory_of
from tests.kit.windows import processed_window

LOGGED = datetime(2026, 3, 2, 12, tzinfo=UTC)
FAR = datetime(2199, 1, 1, tzinfo=UTC)
TOY = NetworkId("toy")


def window(at: datetime) -> object:
    return processed_window("toy", "s0", at - timedelta(minutes=5), 50.0)


def prediction(at: datetime) -> TrafficPrediction:
    horizon = HorizonForecast(15, at + timedelta(minutes=15), 50.0, 45.0, 55.0, 0.9)
    return TrafficPrediction(TOY, SensorId("s0"), at, "xgboost", "1", 1, 50.0, (horizon,))


def action(at: datetime) -> AlertAction:
    return AlertAction("1", AlertId("a"), TOY, AlertActionKind.COMMENT, at, "ada", "x")


def advisory(at: datetime) -> TrafficAdvisory:
    return advisory_of(at, network_id=TOY, ends_at=FAR)


@pytest.mark.parametrize("make", [window, prediction, action, advisory])
def test_what_is_dated_far_ahead_is_rejected_with_its_time(make: Callable[[datetime], Any]) -> None:
    require_present(make(LOGGED), LOGGED)
    require_present(make(LOGGED - timedelta(days=5000)), LOGGED)
    with pytest.raises(RejectedEventError, match="2199") as rejected:
        require_present(make(FAR), LOGGED)
    assert rejected.value.reason is RejectionReason.TIMESTAMP_IN_FUTURE


def test_an_announcement_may_begin_in_years_but_is_made_today() -> None:
    require_present(advisory(LOGGED + timedelta(days=1000)), LOGGED)
    with pytest.raises(RejectedEventError, match="updated_at"):
        require_present(replace(advisory(LOGGED), updated_at=LOGGED + timedelta(hours=3)), LOGGED)


def test_a_forecast_of_the_far_future_from_today_is_rejected() -> None:
    made = prediction(LOGGED)
    (horizon,) = made.horizons
    with pytest.raises(RejectedEventError, match="target_timestamp"):
        require_present(replace(made, horizons=(replace(horizon, target_timestamp=FAR),)), LOGGED)


def test_a_record_that_claims_to_be_logged_in_the_future_is_measured_by_the_clock() -> None:
    assert logged_at(int(FAR.timestamp() * 1000), LOGGED) == LOGGED
    assert logged_at(-1, LOGGED) == LOGGED
    assert logged_at(1_000, LOGGED) == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
