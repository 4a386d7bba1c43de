import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.lab.forecasting.split import Split
from tests.kit.accuracy import accuracy


def test_the_split_is_the_published_one_for_metr_la() -> None:
    assert Split.of(34_272) == Split(train=23_974, validation=3_425, test=6_850)


def test_the_hour_that_the_clock_skips_is_of_the_training_part() -> None:
    assert Split.of(34_260, skipped_windows=12) == Split(train=23_962, validation=3_425, test=6_850)


@given(windows=st.integers(0, 100_000))
def test_every_origin_is_in_one_part(windows: int) -> None:
    assert Split.of(windows).origins == max(0, windows - 23)


def test_errors_leave_out_what_is_missing_or_zero() -> None:
    found = accuracy(np.array([50.0, 40.0, 30.0, np.nan]), np.array([60.0, 0.0, np.nan, 10.0]))
    assert (found.mae_mph, found.rmse_mph) == (10.0, 10.0)
    assert found.mape_percent == pytest.approx(100 / 6)
    assert np.isnan(accuracy(np.array([1.0]), np.array([np.nan])).mae_mph)
