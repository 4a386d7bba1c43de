"""A feed that fails is asked less and less often, but not more often than one that answers."""

import asyncio

import pytest

from metrla.cli.advising.importer import LONGEST_PAUSE_S, Importer, watch
from shared.runtime.clock import wall_clock
from shared.traffic.folder import EXAMPLE_NETWORK, load_network

NOWHERE = "http://127.0.0.1:1/feed"


async def pauses_after_failures(every_s: float, count: int) -> list[float]:
    stop, told = asyncio.Event(), list[float]()

    def trouble(_fault: str, pause_s: float) -> None:
        told.append(pause_s)
        if len(told) == count:
            stop.set()

    importer = Importer([load_network(EXAMPLE_NETWORK)], {}, None, wall_clock)
    await asyncio.wait_for(watch(NOWHERE, every_s, importer, stop, lambda _: None, trouble), 30)
    return told


@pytest.fixture
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.kafka.persistence.random.uniform", lambda _low, _high: 1.0)


@pytest.mark.usefixtures("exact")
async def test_the_pause_doubles() -> None:
    assert await pauses_after_failures(0.01, 4) == [0.01, 0.02, 0.04, 0.08]


@pytest.mark.usefixtures("exact")
async def test_a_feed_that_is_asked_seldom_is_not_asked_more_often_while_it_fails() -> None:
    assert await pauses_after_failures(2 * LONGEST_PAUSE_S, 1) == [2 * LONGEST_PAUSE_S]
