"""What a predictor begins with that knows nothing of a network, though its past is at hand."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from services.predictor.recent_start import RecentStart
from shared.archive.local import LocalArchive
from shared.archive.port import ArchivedObject
from shared.events.errors import ArchiveError
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import LAGS
from shared.forecasting.registry.recent_speeds import keep_recent
from shared.forecasting.warm_up import recent_rows
from shared.store.port import Store
from shared.store.url import open_store
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentSpeeds
from tests.kit.forecasting import History, MakeStep
from tests.kit.windows import processed_window

FIRST = 2 * 288 + 5
SHOWN = 2 * LAGS


class AwayArchive(LocalArchive):
    """An archive that does not answer."""

    def list(self, prefix: str) -> Iterator[ArchivedObject]:
        raise ArchiveError(f"{prefix}: away")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path / 'store'}")
    yield opened
    opened.close()


def step_at(step_of: MakeStep, history: History, row: int) -> Step:
    return step_of(row, history.speed_mph[row - SHOWN + 1 : row + 1])


def put(store: Store, network: Network, history: History, first: int, last: int) -> None:
    """Windows [first, last) of a history, as ingest has stored them."""
    store.put_aggregates(
        [
            processed_window(
                network.network_id, sensor.sensor_id, history.start + row * network.window, float(speeds[column])
            )
            for row, speeds in enumerate(history.speed_mph[first:last], start=first)
            for column, sensor in enumerate(network.sensors)
            if not np.isnan(speeds[column])
        ]
    )


def after(network: Network, start: RecentStart, steps: list[Step]) -> RecentSpeeds:
    forecasting = Forecasting(network)
    for step in steps:
        forecasting.recent.fill(start.rows(step, forecasting.recent))
        forecasting.learn(forecasting.settle(step))
    return forecasting.recent


@pytest.mark.parametrize("cut", [0, 300, FIRST - 40])
def test_history_and_store_give_what_a_predictor_that_ran_all_along_would_know(
    network: Network, history: History, step_of: MakeStep, store: Store, tmp_path: Path, cut: int
) -> None:
    archive = LocalArchive(tmp_path / "archive")
    if cut:
        keep_recent(archive, network, recent_rows(network, history.start, history.speed_mph[:cut]))
    put(store, network, history, cut, FIRST)
    steps = [step_at(step_of, history, row) for row in range(FIRST, FIRST + SHOWN)]
    found = after(network, RecentStart(archive, store), steps)
    wanted = RecentSpeeds(network)
    wanted.fill(recent_rows(network, history.start, history.speed_mph[: FIRST + SHOWN - LAGS]))
    np.testing.assert_array_equal(found.total_mph, wanted.total_mph)
    np.testing.assert_array_equal(found.days, wanted.days)
    assert found.learned == wanted.learned


def test_the_past_is_looked_for_once_and_again_after_a_gap(
    network: Network, history: History, step_of: MakeStep, store: Store, tmp_path: Path
) -> None:
    archive, recent = LocalArchive(tmp_path / "archive"), RecentSpeeds(network)
    start = RecentStart(archive, store)
    assert start.rows(step_at(step_of, history, FIRST), recent) == ()
    keep_recent(archive, network, recent_rows(network, history.start, history.speed_mph[:300]))
    assert start.rows(step_at(step_of, history, FIRST + 1), recent) == ()
    assert len(start.rows(step_at(step_of, history, FIRST + 100), recent)) == 288
    early = RecentStart(archive, store)
    assert early.rows(step_at(step_of, history, 250), recent) == (), "what it would begin with has not happened yet"


def test_an_archive_that_is_away_costs_no_forecast(
    network: Network, history: History, step_of: MakeStep, store: Store, tmp_path: Path
) -> None:
    put(store, network, history, 0, 100)
    start, recent = RecentStart(AwayArchive(tmp_path), store), RecentSpeeds(network)
    assert len(start.rows(step_at(step_of, history, FIRST), recent)) == 100, "the store is there"
    keep_recent(LocalArchive(tmp_path), network, recent_rows(network, history.start, history.speed_mph[:300]))
    start.archive = LocalArchive(tmp_path)
    assert len(start.rows(step_at(step_of, history, FIRST + 1), recent)) == 288, "the next step looks again"
