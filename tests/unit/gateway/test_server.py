"""How the server takes connections."""

import asyncio
import socket
from contextlib import ExitStack

import uvloop
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from services.gateway.settings import GatewaySettings
from services.gateway.web.door import Door
from services.gateway.web.server import build_server, listen
from shared.runtime.metrics import GatewayMetrics
from tests.kit.until import until

FLOOD = 160
# One for each, where the listening socket takes one in each.
MOST_TURNS = 40


async def turns_taken() -> int:
    """The turns of the loop until connections that came together are all accepted."""
    settings, registry = GatewaySettings(port=0), CollectorRegistry()
    server = build_server(FastAPI(), settings, Door(settings, GatewayMetrics(registry)))
    listener = listen(settings)
    await server.startup([listener])
    turns = 0
    with ExitStack() as stack:
        for _ in range(FLOOD):
            stack.enter_context(socket.create_connection(listener.getsockname()))
        while (registry.get_sample_value("metrla_gateway_connections") or 0) < FLOOD:
            await asyncio.sleep(0)
            turns += 1
    await until(lambda: not registry.get_sample_value("metrla_gateway_connections"), "no connection open", 10.0)
    for each in server.servers:
        each.close()
        await each.wait_closed()
    return turns


def test_connections_that_come_together_wait_for_few_turns_of_the_loop() -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(turns_taken()) <= MOST_TURNS
