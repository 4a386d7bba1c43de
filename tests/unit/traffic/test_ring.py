import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.records import ProcessedTrafficAggregate
from shared.traffic.network import Network
from shared.traffic.ring import Change, WindowRing

MakeWindow = Callable[..., ProcessedTrafficAggregate]

DEPTH = 6


def content(ring: WindowRing) -> bytes:
    assert ring.newest is not None
    arrays = (ring.speed_mph, ring.share_observed, ring.volume_vehicles, ring.occupancy, ring.revision)
    return b"".join(np.ascontiguousarray(read(ring.newest, DEPTH)).tobytes() for read in arrays)


def test_a_window_lands_in_its_row_and_missing_is_nan(network: Network, window: MakeWindow) -> None:
    ring = WindowRing(network, DEPTH)
    assert ring.add(window("A", 0, speed_mph=40.0, volume=120.0)) is Change.NEW
    assert ring.add(window("B", 1, speed_mph=None)) is Change.NEW
    assert ring.newest is not None
    np.testing.assert_array_equal(ring.speed_mph(ring.newest, 2), [[40.0, np.nan, np.nan], [np.nan, np.nan, np.nan]])
    np.testing.assert_array_equal(ring.revision(ring.newest, 2), [[1, 0, 0], [0, 1, 0]])
    assert ring.volume_vehicles(ring.newest - 1, 1)[0, 0] == 120.0


def test_duplicates_and_lower_revisions_change_nothing(network: Network, window: MakeWindow) -> None:
    ring = WindowRing(network, DEPTH)
    ring.add(window("A", 0, revision=2, speed_mph=50.0))
    before = content(ring)
    assert ring.add(window("A", 0, revision=2, speed_mph=51.0)) is Change.UNCHANGED
    assert ring.add(window("A", 0, revision=1, speed_mph=52.0)) is Change.UNCHANGED
    assert content(ring) == before
    assert ring.add(window("A", 0, revision=3, speed_mph=None)) is Change.REVISED
    assert ring.newest is not None
    assert np.isnan(ring.speed_mph(ring.newest, 1)[0, 0])


def test_a_jump_leaves_a_gap_and_what_is_older_than_the_ring_is_refused(network: Network, window: MakeWindow) -> None:
    ring = WindowRing(network, DEPTH)
    ring.add(window("A", 0))
    ring.add(window("A", 1000))
    assert ring.newest is not None
    assert not ring.revision(ring.newest - 1, DEPTH - 1).any()
    assert ring.add(window("A", 1000 - DEPTH)) is Change.TOO_OLD
    assert ring.add(window("A", 1001 - DEPTH)) is Change.NEW


def test_rows_outside_the_ring_are_an_error(network: Network, window: MakeWindow) -> None:
    ring = WindowRing(network, DEPTH)
    with pytest.raises(IndexError):
        ring.rows(0, 1)
    ring.add(window("A", 0))
    assert ring.newest is not None
    with pytest.raises(IndexError):
        ring.speed_mph(ring.newest, DEPTH + 1)
    with pytest.raises(IndexError):
        ring.speed_mph(ring.newest + 1, 1)


@given(
    windows=st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 20), st.integers(1, 3)), min_size=1, max_size=40),
    seed=st.integers(0, 2**32 - 1),
)
def test_content_does_not_depend_on_the_order_of_arrival(
    network: Network, window: MakeWindow, windows: list[tuple[str, int, int]], seed: int
) -> None:
    arrivals = [
        window(sensor, step, revision=revision, speed_mph=step * 3.0 + revision) for sensor, step, revision in windows
    ]
    shuffled = random.Random(seed).sample(arrivals, len(arrivals))
    straight, mixed = WindowRing(network, DEPTH), WindowRing(network, DEPTH)
    for one, other in zip(arrivals, shuffled, strict=True):
        straight.add(one)
        mixed.add(other)
    assert content(straight) == content(mixed)
