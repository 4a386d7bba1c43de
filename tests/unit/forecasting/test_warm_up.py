"""Recent speeds from a history are those that a predictor would have, had it been running."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from shared.archive.layout import recent_path
from shared.archive.local import LocalArchive
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.forecasting.registry.recent_speeds import keep_recent, recent_before
from shared.forecasting.warm_up import WarmUp, recent_rows
from shared.traffic.network import Network
from shared.traffic.steps import NetworkSteps
from shared.traffic.usual.recent import RecentSpeeds
from tests.kit.forecasting import History
from tests.kit.windows import processed_window

ROWS = 288 + 80
FURTHER = LAGS + HORIZONS


def live(forecasting: Forecasting, history: History, first: int, last: int) -> None:
    """Let rows [first, last) of a history come as windows, in the order of time."""
    network = forecasting.network
    steps = NetworkSteps(network, history=LAGS, correctable=12, context=HORIZONS)
    # What a process reads back from the log before it goes on.
    for row in range(max(0, first - FURTHER), last):
        for sensor, speed in zip(network.sensors, history.speed_mph[row], strict=True):
            if not np.isnan(speed):
                start = history.start + row * network.window
                window = processed_window(network.network_id, sensor.sensor_id, start, float(speed))
                due = steps.add(window, 0.0)
                for step in due if row >= first else ():
                    forecasting.learn(forecasting.settle(step))
    for step in steps.tick(100.0):
        forecasting.learn(forecasting.settle(step))


def assert_equal(one: RecentSpeeds, other: RecentSpeeds) -> None:
    np.testing.assert_array_equal(one.total_mph, other.total_mph)
    np.testing.assert_array_equal(one.days, other.days)
    assert one.learned == other.learned


@pytest.mark.parametrize("cut", [1, 295])
def test_a_predictor_that_begins_with_a_history_is_as_one_that_ran_over_it(
    network: Network, history: History, cut: int
) -> None:
    whole, begun = Forecasting(network), Forecasting(network)
    live(whole, history, 0, ROWS)
    begun.recent.fill(recent_rows(network, history.start, history.speed_mph[:cut]))
    live(begun, history, cut, ROWS)
    assert np.any(whole.recent.days > 1)
    assert_equal(begun.recent, whole.recent)


@pytest.mark.parametrize(("cuts", "gap"), [([], 60), ([3, 3, 350], 0), ([400, 410], 11), ([405, 430], 23), ([420], 40)])
def test_a_history_in_parts_is_as_one_in_whole(network: Network, history: History, cuts: list[int], gap: int) -> None:
    speed_mph = history.speed_mph[:450].copy()
    speed_mph[400 : 400 + gap] = np.nan
    whole = recent_rows(network, history.start, speed_mph)
    parts = WarmUp(network)
    for first, last in zip([0, *sorted(cuts)], [*sorted(cuts), 450], strict=True):
        # What is missing at the seams need not be given.
        while first < last and np.isnan(speed_mph[first]).all():
            first += 1  # noqa: PLW2901 - as the reader of a store that has no such windows does
        parts.add(history.start + first * network.window, speed_mph[first:last])
    for one, other in zip(whole, parts.rows(), strict=True):
        np.testing.assert_array_equal(one.total_mph, other.total_mph)
        assert one.slot == other.slot


def test_windows_do_not_go_back(network: Network, history: History) -> None:
    warm_up = WarmUp(network)
    warm_up.add(history.start, history.speed_mph[:10])
    with pytest.raises(ValueError, match="come after"):
        warm_up.add(history.start + 9 * network.window, history.speed_mph[:1])


def test_what_is_known_is_not_filled_over(network: Network, history: History) -> None:
    known, rows = RecentSpeeds(network), recent_rows(network, history.start, history.speed_mph[:600])
    (later,) = known.rows_of([history.start + timedelta(days=7)], history.speed_mph[:1] / 2)
    known.learn(later)
    assert later.slot not in {row.slot for row in known.fill(rows)}
    assert known.learned == later.window_start
    np.testing.assert_array_equal(known.total_mph[later.slot], later.total_mph)
    assert known.fill(rows) == []


def test_a_history_in_the_archive_is_for_what_comes_after_it(
    network: Network, history: History, tmp_path: Path
) -> None:
    archive = LocalArchive(tmp_path)
    early, late = (recent_rows(network, history.start, history.speed_mph[:rows]) for rows in (300, 600))
    ends = [history.start + rows * network.window for rows in (300, 600)]
    keep_recent(archive, network, late)
    keep_recent(archive, network, early)
    assert recent_before(archive, network, ends[0] - network.window) == ()
    for end, rows in zip(ends, (early, late), strict=True):
        found, wanted = RecentSpeeds(network), RecentSpeeds(network)
        found.fill(recent_before(archive, network, end))
        wanted.fill(rows)
        assert_equal(found, wanted)
    keep_recent(archive, network, late)
    assert recent_before(archive, network, ends[0]) == ()
    archive.write(recent_path(network.network_id, ends[1] + network.window), b"damaged")
    assert len(recent_before(archive, network, ends[1] + network.window)) == len(late)
