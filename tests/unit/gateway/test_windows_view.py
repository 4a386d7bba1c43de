import math
from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.views.where import Where
from services.gateway.views.windows import WindowsView
from shared.events.errors import RejectedEventError, RejectionReason
from shared.events.records import NetworkId, ProcessedTrafficAggregate, SensorId
from shared.traffic.network import Network

Build = Callable[..., ProcessedTrafficAggregate]
TOY, S0 = NetworkId("toy"), SensorId("s0")


@pytest.fixture
def windows(networks: dict[NetworkId, Network]) -> WindowsView:
    return WindowsView(networks, timedelta(minutes=30))


def test_a_sensor_without_windows_has_no_newest_one(windows: WindowsView) -> None:
    assert [state.newest for state in windows.states()] == [None, None, None]
    assert windows.newest_end is None


def test_the_newest_window_is_the_state(windows: WindowsView, window: Build) -> None:
    assert windows.apply(window(2, speed=50.0))
    assert not windows.apply(window(1, speed=40.0))
    state = windows.state(TOY, S0)
    assert state.newest == window(2, speed=50.0)
    assert windows.newest_end == window(2).window_end


def test_the_highest_revision_wins_whatever_the_order(windows: WindowsView, window: Build) -> None:
    assert windows.apply(window(1, speed=50.0, revision=3))
    assert not windows.apply(window(1, speed=10.0, revision=2))
    assert not windows.apply(window(1, speed=10.0, revision=3))
    assert windows.apply(window(1, speed=55.0, revision=4))
    assert windows.speed_mph(TOY, S0, window(1).window_end) == 55.0


def test_a_revision_of_an_older_window_changes_outcomes_but_not_the_state(windows: WindowsView, window: Build) -> None:
    windows.apply(window(1, speed=50.0))
    windows.apply(window(2, speed=51.0))
    assert not windows.apply(window(1, speed=45.0, revision=2))
    assert windows.speed_mph(TOY, S0, window(1).window_end) == 45.0
    assert windows.state(TOY, S0).newest == window(2, speed=51.0)


def test_a_missing_speed_stays_missing(windows: WindowsView, window: Build) -> None:
    windows.apply(window(1, speed=None))
    assert windows.speed_mph(TOY, S0, window(1).window_end) is None


def test_states_are_filtered_by_network_and_road_type(windows: WindowsView) -> None:
    assert [state.sensor.sensor_id for state in windows.states(where=Where(road_type="ramp"))] == ["s2"]
    assert len(list(windows.states(TOY))) == 3
    assert not list(windows.states(NetworkId("other")))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"network_id": NetworkId("other")}, RejectionReason.UNKNOWN_NETWORK),
        ({"sensor_id": SensorId("nowhere")}, RejectionReason.UNKNOWN_SENSOR),
        ({"mean_speed_mph": 120.1}, RejectionReason.SPEED_OUT_OF_RANGE),
        ({"mean_speed_mph": math.nan}, RejectionReason.SPEED_OUT_OF_RANGE),
        ({"occupancy": 1.5}, RejectionReason.INVALID_FIELD),
        ({"share_observed": -0.1}, RejectionReason.INVALID_FIELD),
        ({"volume_vehicles": -1.0}, RejectionReason.VOLUME_OUT_OF_RANGE),
    ],
)
def test_what_the_api_could_not_show_is_rejected(
    windows: WindowsView, window: Build, changes: dict[str, object], reason: RejectionReason
) -> None:
    with pytest.raises(RejectedEventError) as rejected:
        windows.apply(window(1, **changes))
    assert rejected.value.reason is reason
    assert windows.newest_end is None


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(1, 4)), max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_memory_is_bounded_and_the_newest_is_right_in_any_order(
    networks: dict[NetworkId, Network], window: Build, arrivals: list[tuple[int, int]]
) -> None:
    view = WindowsView(networks, timedelta(minutes=30))
    for step, revision in arrivals:
        view.apply(window(step, speed=float(step), revision=revision))
    kept = view._sensors[TOY, S0].by_end
    assert len(kept) <= 7
    if arrivals:
        newest = max(step for step, _ in arrivals)
        state = view.state(TOY, S0).newest
        assert state is not None
        assert state.window_end == window(newest).window_end
        assert state.revision == max(revision for step, revision in arrivals if step == newest)
