import numpy as np

from metrla.lab.forecasting.evaluation.regimes import CONGESTED_SHARE, Regime, congested_below, regimes
from shared.events.quantities import FREE_FLOW_MPH


def test_congestion_is_below_a_share_of_free_flow() -> None:
    speeds = np.linspace(10.0, 70.0, 101)[:, None]
    assert congested_below(speeds)[0] == CONGESTED_SHARE * np.percentile(speeds, 85)


def test_a_sensor_without_history_is_taken_for_a_freeway() -> None:
    speeds = np.column_stack([np.full(10, 40.0), np.full(10, np.nan)])
    np.testing.assert_allclose(congested_below(speeds), CONGESTED_SHARE * np.array([40.0, FREE_FLOW_MPH]))


def test_regimes_are_named_by_origin_and_target() -> None:
    now = np.array([[60.0, 60.0, 20.0, 20.0]])
    actual = np.array([[[60.0], [20.0], [20.0], [60.0]]])
    found = regimes(now, actual, np.full(4, 40.0))[0, :, 0].tolist()
    assert found == [Regime.FREE_FLOW, Regime.ONSET, Regime.CONGESTED, Regime.RECOVERY]
    assert Regime.FREE_FLOW.label == "free flow"
