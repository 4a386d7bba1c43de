"""The alerts that the same windows raise when nothing fails: the alert detector alone, on an embedded broker."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from aiokafka import AIOKafkaProducer

from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.supervisor import supervise
from shared.events.topics import AGGREGATES, ALERTS
from shared.kafka.admin import ensure_topics
from tests.chaos.logs import Logged, read_topic
from tests.chaos.servers import RETENTION_BYTES
from tests.chaos.settling import settle

PATIENCE_S = 300.0
QUIET_S = 5.0


async def calm_alerts(
    plan: PipelinePlan, state: Path, windows: Sequence[Logged], on_wait: Callable[[str], None]
) -> list[Logged]:
    """Let an undisturbed detector read the windows that the run put on its topic, in their order."""
    calm = replace(
        plan,
        state=state,
        broker_port=free_port(),
        broker_retention_bytes=RETENTION_BYTES,
        settings=_without_places(plan),
    )
    async with supervise(on_wait) as supervisor:
        await supervisor.start(calm.broker())
        await ensure_topics(calm.bootstrap_servers)
        producer = AIOKafkaProducer(bootstrap_servers=calm.bootstrap_servers)
        await producer.start()
        try:
            for record in windows:
                await producer.send(AGGREGATES.name, value=record.value, key=record.key, partition=record.partition)
        finally:
            await producer.stop()
        await supervisor.start(calm.service("alert-detector"))
        await settle(calm.bootstrap_servers, ["metrla-alert-detector"], PATIENCE_S, on_wait, QUIET_S)
        return await read_topic(calm.bootstrap_servers, ALERTS.name, ALERTS.partitions)


def _without_places(plan: PipelinePlan) -> dict[str, str]:
    places = ("_URL", "_SERVERS")
    return {name: value for name, value in plan.settings.items() if not name.endswith(places)}
