"""Clients are woken some at a time, so that a step for many is no stop for the others."""

import asyncio
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from services.gateway.live.channels import Channel, Selection
from services.gateway.live.hub import AT_ONCE, Hub, Places
from services.gateway.views.ages import DataAges
from services.gateway.views.traffic import TrafficView
from services.gateway.written import WrittenRows
from shared.runtime.clock import wall_clock
from shared.runtime.metrics import GatewayMetrics
from tests.kit.until import until


@pytest.mark.parametrize("clients", [0, 1, AT_ONCE, AT_ONCE + 1, 5 * AT_ONCE])
async def test_every_client_wakes_and_not_all_at_once(view: TrafficView, clients: int) -> None:
    ages = DataAges(view.networks, 60.0, 1.0, wall_clock, asyncio.get_running_loop().time)
    metrics = GatewayMetrics(CollectorRegistry())
    hub = Hub(view, ages, 1.0, 1.0, Places(100, 100), WrittenRows(), metrics)
    with ExitStack() as stack:
        joined = [stack.enter_context(hub.join({Channel.PREDICTIONS: Selection()})) for _ in range(clients)]
        for each in joined:
            each.awake.clear()
        hub.publish()
        assert sum(each.awake.is_set() for each in joined) == min(clients, AT_ONCE)
        await until(lambda: all(each.awake.is_set() for each in joined), "every client awake", 5.0)
