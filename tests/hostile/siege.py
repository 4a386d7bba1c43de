"""A gateway under hostile connections: how it answers, how large it grows, and whether honest clients miss anything."""

import asyncio
import json
import sys
from asyncio.subprocess import PIPE
from collections.abc import Collection, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from metrla.local.devbroker import DevBroker
from shared.kafka.admin import ensure_topics
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.hostile.attackers import ATTACKS
from tests.hostile.honest import START, Experience, Watch, ask, follow, step
from tests.kit.places import ROOT
from tests.kit.processes import Services
from tests.kit.until import until

TOKEN = "siege-3b8f0c1d5e7a9b2c4d6e8f"  # noqa: S105 - of a gateway that lives as long as the siege
STEP_S = 1.0
CALM_S = 5.0
SEEN_S = 30.0


@dataclass(frozen=True, slots=True)
class Siege:
    """What came of it. `outcomes`: of each kind of attack, how its connections ended and how often."""

    seconds: float
    each: int
    calm: Watch
    watch: Watch
    experience: Experience
    steps: frozenset[datetime]
    outcomes: Mapping[str, Mapping[str, int]]

    @property
    def missed(self) -> list[str]:
        """What honest clients missed, each in words."""
        lived = self.experience
        steps = len(self.steps - lived.seen), len(self.steps - lived.seen_live)
        return [
            *([f"{steps[0]} steps were never in an answer"] if steps[0] else []),
            *([f"{steps[1]} steps were never on the stream"] if steps[1] else []),
            *(f"a request was refused: {why}" for why in lived.refused),
            *(f"a stream was lost: {why}" for why in lived.lost_streams),
            *(f"an advisory was refused: {why}" for why in lived.unwritten),
        ]


async def besiege(folder: Path, each: int, seconds: float, kinds: Collection[str] = tuple(ATTACKS)) -> Siege:
    """Start a gateway, let `each` attackers of these kinds at it for `seconds`, and honest clients all the while."""
    network = load_network(EXAMPLE_NETWORK)
    async with AsyncExitStack() as stack:
        broker = await stack.enter_async_context(DevBroker())
        await ensure_topics(broker.bootstrap_servers)
        services = await stack.enter_async_context(Services(broker, folder))
        await services.produce(step(network, 0))
        gateway = await services.start(
            "gateway",
            METRLA_GATEWAY_PORT="0",
            METRLA_GATEWAY_PUSH_INTERVAL_S="0.3",
            METRLA_GATEWAY_HISTORY_MINUTES="1440",
            METRLA_GATEWAY_WRITE_TOKEN=TOKEN,
        )
        url = await gateway.until_ready()
        port = urlsplit(url).port
        assert port is not None
        experience, steps = Experience(), set[datetime]()
        honest = [
            asyncio.create_task(ask(url, TOKEN, network, experience)),
            asyncio.create_task(follow(url, experience)),
        ]

        async def keep_feeding() -> None:
            number = 0
            while True:
                number += 1
                await services.produce(step(network, number))
                steps.add(START + number * network.window)
                await asyncio.sleep(STEP_S)

        honest.append(asyncio.create_task(keep_feeding()))
        try:
            calm, watch = Watch(gateway.process.pid, port), Watch(gateway.process.pid, port)
            with calm.running():
                await asyncio.sleep(CALM_S)
            with watch.running():
                outcomes = await _attackers(port, each, seconds, kinds)
            honest.pop().cancel()
            # What was missed for good is counted below.
            with suppress(AssertionError):
                await until(lambda: max(steps) in experience.seen & experience.seen_live, "the last step", SEEN_S)
        finally:
            for task in honest:
                task.cancel()
            await asyncio.gather(*honest, return_exceptions=True)
        gateway.check()
        await gateway.kill()
    return Siege(seconds, each, calm, watch, experience, frozenset(steps), outcomes)


async def _attackers(port: int, each: int, seconds: float, kinds: Collection[str]) -> dict[str, dict[str, int]]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.hostile.attackers", "127.0.0.1", str(port), str(each), str(seconds)),
        ",".join(kinds),
        cwd=ROOT,
        stdout=PIPE,
    )
    said, _ = await process.communicate()
    outcomes: dict[str, dict[str, int]] = json.loads(said)
    return outcomes
