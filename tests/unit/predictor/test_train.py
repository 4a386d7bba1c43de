import numpy as np
import pytest

from services.predictor.training.accuracy import accuracy
from services.predictor.training.fitting import last_values
from services.predictor.training.train import Split, Trained, train
from shared.events.errors import ConfigurationError
from shared.networks.network import Network


def test_the_split_is_the_published_one_for_metr_la() -> None:
    assert Split.of(34_249) == Split(train=23_974, validation=3_425, test=6_850)


def test_the_model_beats_what_needs_no_model(trained: Trained) -> None:
    mine, usual, last = (trained.scores[name] for name in ("linear_regression", "historical_average", "last_value"))
    for ahead in (2, 5, 11):
        assert mine[ahead].rmse_mph < usual[ahead].rmse_mph
    for ahead in (5, 11):
        assert mine[ahead].rmse_mph < last[ahead].rmse_mph


def test_nothing_of_the_test_part_gets_into_an_artefact(network: Network, history: object, trained: Trained) -> None:
    speeds, start = history.speed_mph.copy(), history.start  # type: ignore[attr-defined]
    first_tested = trained.split.train + trained.split.validation + 23
    speeds[first_tested:] = np.random.default_rng(0).permuted(speeds[first_tested:], axis=0)
    again = train(network, start, speeds, now=start, source="a test")
    assert again.scores["linear_regression"] != trained.scores["linear_regression"]
    for name, artefact in trained.artefacts.items():
        assert again.artefacts[name].model == artefact.model


def test_progress_is_told(network: Network, history: object) -> None:
    told: list[tuple[int, int]] = []
    speeds, start = history.speed_mph, history.start  # type: ignore[attr-defined]
    train(network, start, speeds, now=start, source="x", on_progress=lambda done, of: told.append((done, of)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("rows", "models", "said"),
    [(100, ("linear_regression",), "days"), (800, ("linear_regression",), "needs"), (800, ("oracle",), "cannot train")],
)
def test_what_cannot_be_trained_on_is_said(
    network: Network, history: object, rows: int, models: tuple[str, ...], said: str
) -> None:
    speeds, start = history.speed_mph[:rows], history.start  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match=said):
        train(network, start, speeds, now=start, source="x", models=models)


def test_a_history_without_readings_is_refused(network: Network, history: object) -> None:
    start = history.start  # type: ignore[attr-defined]
    with pytest.raises(ConfigurationError, match="no readings"):
        train(network, start, np.full((1000, 4), np.nan), now=start, source="x")


def test_errors_leave_out_what_is_missing_or_zero() -> None:
    found = accuracy(np.array([50.0, 40.0, 30.0, np.nan]), np.array([60.0, 0.0, np.nan, 10.0]))
    assert (found.mae_mph, found.rmse_mph) == (10.0, 10.0)
    assert found.mape_percent == pytest.approx(100 / 6)
    assert np.isnan(accuracy(np.array([1.0]), np.array([np.nan])).mae_mph)


def test_the_last_value_is_the_last_one_known() -> None:
    speeds = np.full((30, 2), np.nan)
    speeds[3, 0] = 20.0
    last = last_values(speeds, np.full((30, 2), 60.0), 5)
    assert last[:, 0, 0].tolist() == [20.0] * 5
    assert last[:, 1, 0].tolist() == [60.0] * 5
