import numpy as np

from metrla.lab.forecasting.recorded import Recorded
from shared.forecasting.inputs.history import LAGS
from shared.forecasting.warm_up import recent_rows
from shared.traffic.health.rules import Doubt


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


def test_training_learns_recent_speeds_as_service_does(recorded: Recorded) -> None:
    """The beginning of a run that is found out later included, before and after windows that are tried in two ways."""
    speed_mph, length = recorded.speed_mph[:900].copy(), 40
    for first, sensor in ((300, 0), (570, 1), (880, 2)):
        speed_mph[first : first + length, sensor] = 41.3
    speed_mph[700:720] = np.nan
    wanted = recent_rows(recorded.network, recorded.start, speed_mph)
    for resumed in (0, 305, 590):
        of = Recorded(recorded.network, recorded.start, speed_mph, 600, resumed)
        assert (of.doubt == Doubt.STUCK).any()
        for found in (of, of.disturbed(recorded.network, speed_mph)):
            for one, other in zip(found.recent_rows(), wanted, strict=True):
                assert (one.slot, one.window_start) == (other.slot, other.window_start)
                np.testing.assert_array_equal(one.total_mph, other.total_mph)
                np.testing.assert_array_equal(one.days, other.days)
