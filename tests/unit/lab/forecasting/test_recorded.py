import numpy as np

from metrla.lab.forecasting.recorded import Recorded
from shared.forecasting.inputs.history import LAGS


def test_what_is_usual_apart_does_not_know_the_block_itself(recorded: Recorded) -> None:
    apart, blocks = recorded.learned_apart(4), 4
    first = np.array_split(np.arange(recorded.train_windows), blocks)[0]
    changed = recorded.speed_mph.copy()
    changed[first] = 5.0
    other = Recorded(recorded.network, recorded.start, changed, recorded.train_windows).learned_apart(blocks)
    assert np.array_equal(apart.usual_mph[first], other.usual_mph[first])
    assert not np.array_equal(apart.usual_mph[first[-1] + 1 :], other.usual_mph[first[-1] + 1 :])


def test_outside_of_the_training_part_nothing_changes(recorded: Recorded) -> None:
    apart = recorded.learned_apart(3)
    held_out = slice(recorded.train_windows, None)
    assert np.array_equal(apart.usual_mph[held_out], recorded.usual_mph[held_out])
    assert np.isfinite(apart.usual_mph).all()
    assert np.array_equal(apart.view(np.array([0])).speed_mph, recorded.view(np.array([0])).speed_mph, equal_nan=True)
    assert apart.view(np.array([0])).usual_mph.shape[1] == LAGS
