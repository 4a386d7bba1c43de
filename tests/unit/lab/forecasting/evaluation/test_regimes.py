import numpy as np

from metrla.lab.forecasting.evaluation.regimes import Regime, regimes


def test_regimes_are_named_by_origin_and_target() -> None:
    now = np.array([[60.0, 60.0, 20.0, 20.0]])
    actual = np.array([[[60.0], [20.0], [20.0], [60.0]]])
    found = regimes(now, actual, np.full(4, 40.0))[0, :, 0].tolist()
    assert found == [Regime.FREE_FLOW, Regime.ONSET, Regime.CONGESTED, Regime.RECOVERY]
    assert Regime.FREE_FLOW.label == "free flow"
