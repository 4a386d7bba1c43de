from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from shared.events.errors import ModelError
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.models.artefact import Artefact, open_artefact, pack
from shared.forecasting.models.ensemble import ALONE_MPH, Ensemble
from shared.forecasting.models.forecaster import ENSEMBLE, Combiner
from shared.forecasting.registry.loading import open_model
from shared.traffic.network import Network

NAMES = ("linear_regression", "neural_network", "xgboost")
SHAPE = (2, 4, HORIZONS)
speeds = arrays(np.float64, SHAPE, elements=st.floats(0, 80) | st.just(np.nan))


def ensemble(*weights: float, knots: tuple[float, ...] = (0.0,)) -> Ensemble:
    by_knot = np.array(weights, dtype=np.float64).reshape(len(knots), len(NAMES))
    return Ensemble(
        "1", dict.fromkeys(NAMES, "1"), np.array(knots), np.broadcast_to(by_knot, (HORIZONS, *by_knot.shape))
    )


def said(*values: float) -> dict[str, np.ndarray]:
    return {name: np.full(SHAPE, value) for name, value in zip(NAMES, values, strict=True)}


def test_it_is_a_combiner_of_what_its_members_say() -> None:
    model = ensemble(0.2, 0.5, 0.3)
    assert isinstance(model, Combiner)
    assert (model.name, model.version) == (ENSEMBLE, "1")
    np.testing.assert_allclose(model.combine(said(40.0, 50.0, 60.0)), 51.0)
    np.testing.assert_allclose(model.disagreement(said(40.0, 50.0, 60.0)), np.std([40, 50, 60]))


def test_what_others_say_does_not_matter() -> None:
    np.testing.assert_allclose(
        ensemble(0.2, 0.5, 0.3).combine({**said(40.0, 50.0, 60.0), "other": np.zeros(SHAPE)}), 51.0
    )


def test_the_weight_of_a_member_that_cannot_tell_goes_to_the_others() -> None:
    np.testing.assert_allclose(ensemble(0.2, 0.5, 0.3).combine(said(np.nan, 50.0, 60.0)), (0.5 * 50 + 0.3 * 60) / 0.8)
    np.testing.assert_allclose(ensemble(1.0, 0.0, 0.0).combine(said(np.nan, 50.0, 60.0)), 55.0)


def test_a_sole_voice_is_taken_for_contested_and_silence_stays_silence() -> None:
    model = ensemble(0.2, 0.5, 0.3)
    np.testing.assert_allclose(model.combine(said(np.nan, np.nan, 60.0)), 60.0)
    np.testing.assert_allclose(model.disagreement(said(np.nan, np.nan, 60.0)), ALONE_MPH)
    assert np.isnan(model.combine(said(np.nan, np.nan, np.nan))).all()
    np.testing.assert_array_equal(model.disagreement(said(np.nan, np.nan, np.nan)), 0.0)


def test_weights_go_over_from_knot_to_knot() -> None:
    model = ensemble(1, 0, 0, 0, 0, 1, knots=(20.0, 60.0))
    for mean, last in ((10.0, 0.0), (20.0, 0.0), (30.0, 0.25), (60.0, 1.0), (75.0, 1.0)):
        found = model.combine(said(mean - 6, mean, mean + 6))
        np.testing.assert_allclose(found, mean - 6 + 12 * last)


@given(one=speeds, two=speeds, three=speeds, weights=st.tuples(*[st.floats(0, 1)] * 6))
def test_the_forecast_lies_between_those_of_the_members(
    one: np.ndarray, two: np.ndarray, three: np.ndarray, weights: tuple[float, ...]
) -> None:
    model = ensemble(*weights, knots=(30.0, 60.0))
    predicted = dict(zip(NAMES, (one, two, three), strict=True))
    combined, apart = model.combine(predicted), model.disagreement(predicted)
    stacked = np.stack([one, two, three])
    anyone = ~np.isnan(stacked).all(axis=0)
    np.testing.assert_array_equal(~np.isnan(combined), anyone)
    known = stacked[:, anyone]
    assert np.all(np.nanmin(known, axis=0) - 1e-9 <= combined[anyone])
    assert np.all(combined[anyone] <= np.nanmax(known, axis=0) + 1e-9)
    assert np.all(apart >= 0)


def packed(
    network: Network, weights: np.ndarray, members: dict[str, str], knots: tuple[float, ...] = (0.0,)
) -> Artefact:
    tensors = {"weights": weights.astype(np.float32), "knots_mph": np.array(knots, dtype=np.float32)}
    return pack(ENSEMBLE, "7", network, tensors, members=members)


def test_an_artefact_comes_back(network: Network) -> None:
    weights = np.tile([0.25, 0.5, 0.25], (HORIZONS, 1, 1))
    members = {"xgboost": "3", "linear_regression": "1", "neural_network": "2"}
    model = Ensemble.of_artefact(open_artefact(packed(network, weights, members), ENSEMBLE, "7", network))
    assert model.members == members
    np.testing.assert_allclose(model.combine(said(40.0, 50.0, 60.0)), 50.0)


@pytest.mark.parametrize(
    ("weights", "members", "knots", "reason"),
    [
        (np.ones((HORIZONS, 1, 3)), 0, (0.0,), "without members"),
        (np.ones((HORIZONS, 1, 2)), 3, (0.0,), "release and its"),
        (-np.ones((HORIZONS, 1, 3)), 3, (0.0,), "negative"),
        (np.zeros((HORIZONS, 1, 3)), 3, (0.0,), "all zero"),
        (np.ones((HORIZONS, 2, 3)), 3, (60.0, 20.0), "ascend"),
    ],
)
def test_an_artefact_that_does_not_fit_is_refused(
    network: Network, weights: np.ndarray, members: int, knots: tuple[float, ...], reason: str
) -> None:
    artefact = packed(network, weights, dict.fromkeys(NAMES[:members], "1"), knots)
    with pytest.raises(ModelError, match=reason):
        open_model(artefact, ENSEMBLE, "7", network)


def test_a_missing_tensor_is_named(network: Network) -> None:
    artefact = pack(ENSEMBLE, "7", network, {"weights": np.ones((HORIZONS, 1, 1))}, members={"xgboost": "1"})
    with pytest.raises(ModelError, match="knots_mph"):
        open_model(artefact, ENSEMBLE, "7", network)


def test_members_are_taken_by_name_whatever_their_order() -> None:
    model = ensemble(0.2, 0.5, 0.3)
    turned = replace(model, members=dict.fromkeys(reversed(NAMES), "1"))
    np.testing.assert_array_equal(turned.combine(said(40.0, 50.0, 60.0)), model.combine(said(40.0, 50.0, 60.0)))
