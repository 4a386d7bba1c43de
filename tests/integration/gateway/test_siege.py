"""A gateway between hostile connections: it stays small and lives, and honest clients miss nothing."""

from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from metrla.local.devbroker import DevBroker
from shared.kafka.admin import ensure_topics
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.hostile.attackers import ATTACKS, attack
from tests.hostile.honest import step
from tests.hostile.siege import besiege
from tests.kit.processes import Services

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

MAX_BYTES = 300 * 1024 * 1024


async def test_hostile_connections_neither_starve_nor_swell_it(tmp_path: Path) -> None:
    siege = await besiege(tmp_path, each=10, seconds=15.0)
    assert siege.watch.seconds, "/live was never asked"
    assert siege.outcomes.keys() == ATTACKS.keys()
    assert not siege.missed
    assert not siege.watch.failed
    assert siege.watch.peak_bytes < MAX_BYTES


async def test_who_asks_for_several_answers_and_leaves_is_no_fault(tmp_path: Path) -> None:
    """Each answer to nobody was a fault, logged with the values of all variables: a second without another answer."""
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Services(broker, tmp_path) as services:
            await services.produce(step(load_network(EXAMPLE_NETWORK), 0))
            gateway = await services.start("gateway", METRLA_GATEWAY_PORT="0")
            url = await gateway.until_ready()
            port = urlsplit(url).port
            assert port is not None
            outcomes = await attack("127.0.0.1", port, 5, 3.0, ["expensive reads"])
            assert outcomes["expensive reads"]["200"] >= 5
            async with httpx.AsyncClient(base_url=url) as client:
                assert (await client.get("/live")).is_success
            assert "Traceback" not in gateway.said
            await gateway.stop()
