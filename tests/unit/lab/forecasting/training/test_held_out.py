from collections.abc import Mapping

import numpy as np
import pytest

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.run.held_out import EVERY, HeldOut
from shared.forecasting.inputs.history import HORIZONS, Batch
from shared.traffic.arrays import Floats


def unheard(done: float, of: float) -> None:
    del done, of


class Newest:
    """Forecasts the newest speed, and cannot tell without one."""

    name, version = "newest", "1"

    def predict(self, batch: Batch) -> Floats:
        return np.repeat(batch.speed_mph[:, -1, :, None], HORIZONS, axis=2)


class Mean:
    name, version, members = "ensemble", "1", {"newest": "1", "other": "1"}

    def combine(self, predicted: Mapping[str, Floats]) -> Floats:
        return (predicted["newest"] + predicted["other"]) / 2

    def disagreement(self, predicted: Mapping[str, Floats]) -> Floats:
        return np.abs(predicted["newest"] - predicted["other"])


@pytest.fixture(scope="module")
def held_out(recorded: Recorded, split: Split) -> HeldOut:
    return HeldOut(recorded, split, seed=1)


def test_the_validation_part_comes_first_and_its_copies_behind_it(held_out: HeldOut, split: Split) -> None:
    first = np.arange(split.train, split.train + split.validation)
    assert held_out.count == split.validation
    np.testing.assert_array_equal(held_out.origins[: held_out.count], first)
    np.testing.assert_array_equal(held_out.origins[held_out.count :], first[::EVERY])
    assert held_out.told[: held_out.count].all()
    assert not held_out.told[held_out.count :].all()


def test_only_copies_have_hidden_input(held_out: HeldOut, recorded: Recorded) -> None:
    seen, _ = held_out.predict(Newest(), {}, unheard)
    plain = Newest().predict(recorded.batch(held_out.origins)).astype(np.float32)
    np.testing.assert_array_equal(seen[: held_out.count], plain[: held_out.count])
    copies, truth = seen[held_out.count :, :, 0], plain[held_out.count :, :, 0]
    hidden = np.isnan(copies) & ~np.isnan(truth)
    assert 0.1 < hidden[:, :3].mean() < 0.5
    assert held_out.told[held_out.count :][hidden].all()
    np.testing.assert_array_equal(copies[~np.isnan(copies)], truth[~np.isnan(copies)])


def test_an_ensemble_is_given_the_forecasts_of_its_members(held_out: HeldOut) -> None:
    done: list[tuple[float, float]] = []
    newest, _ = held_out.predict(Newest(), {}, lambda some, of: done.append((some, of)))
    predicted = {"newest": newest, "other": newest + 2.0}
    combined, spread = held_out.predict(Mean(), predicted, unheard)
    np.testing.assert_allclose(combined, newest + 1.0)
    assert {*done[-1]} == {float(len(held_out.origins))}
    assert len(spread.prior) == HORIZONS


def test_it_is_the_same_every_time(held_out: HeldOut, recorded: Recorded, split: Split) -> None:
    np.testing.assert_array_equal(HeldOut(recorded, split, seed=1).hidden, held_out.hidden)


def test_where_time_is_short_fewer_origins_evenly_spaced_count(recorded: Recorded, split: Split) -> None:
    some = HeldOut(recorded, split, seed=1, most=10)
    assert some.count == 10
    assert len({*np.diff(some.first).tolist()}) <= 2
    assert (some.first >= split.train).all()
    assert (some.first < split.train + split.validation).all()
    seen, spread = some.predict(Newest(), {}, unheard)
    assert len(seen) == len(some.origins) == 10 + 4
    assert len(spread.prior) == HORIZONS
