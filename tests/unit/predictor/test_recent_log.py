"""Rows of recent speeds that cannot be are put aside, and nothing of them is learned."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from aiokafka import ConsumerRecord
from numpy.typing import NDArray
from safetensors.numpy import save

from services.predictor.recent_log import DAYS, TOTAL, messages_of, rows_in
from shared.events.errors import RejectedEventError
from shared.events.tensors import read_tensors
from shared.traffic.usual.recent import RecentSpeeds
from tests.kit.networks import along, network_of

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
NETWORK = network_of(*along("I-5 N", ["a", "b", "c"], 0.5), network_id="north")


def record(about: dict[str, str], **arrays: NDArray[Any]) -> ConsumerRecord:
    (row,) = RecentSpeeds(NETWORK).rows_of([START], np.array([[60.0, 50.0, np.nan]]))
    (message,) = messages_of(NETWORK, [row])
    told, kept = read_tensors(message.value or b"")
    value = save({**kept, **arrays}, {**told, **about})
    logged_ms = int((START + timedelta(minutes=5)).timestamp() * 1000)
    return ConsumerRecord("predictor-state", 0, 3, logged_ms, 0, b"north/7", value, None, 5, len(value), ())


@pytest.mark.parametrize(
    ("about", "arrays"),
    [
        ({"window_start": "2026-03-02T08:00:00"}, {}),
        ({"window_start": "9999-12-31T23:00:00-12:00"}, {}),
        ({"window_start": "2199-01-01T00:00:00+00:00"}, {}),
        ({"slot": "-1"}, {}),
        ({"slot": "576"}, {}),
        ({"slot": "9" * 5_000}, {}),
        ({"sensors": "7"}, {}),
        ({}, {TOTAL: np.array([np.inf, 1, 1], np.float32)}),
        ({}, {DAYS: np.array([-1, 1, 1], np.float32)}),
        ({}, {DAYS: np.array([np.nan, 1, 1], np.float32)}),
        ({}, {TOTAL: np.zeros((3, 2), np.float32)}),
        ({}, {TOTAL: np.zeros(1, np.float32)}),
    ],
)
def test_a_row_that_cannot_be_is_refused(about: dict[str, str], arrays: dict[str, NDArray[Any]]) -> None:
    recent = RecentSpeeds(NETWORK)
    with pytest.raises(RejectedEventError):
        list(rows_in(record(about, **arrays), {NETWORK.network_id: recent}))
    ((network_id, row),) = rows_in(record({}), {NETWORK.network_id: recent})
    assert (network_id, row.window_start) == ("north", START)
