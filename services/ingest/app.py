"""Composition root of ingest: `traffic-events` to archive, windows and dead letters, in two independent groups."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry

from services.ingest.aggregator import Aggregation, MergePolicy
from services.ingest.archiver import Archiving, FlushPolicy, put_aside_with
from services.ingest.copies import origins_on
from services.ingest.settings import IngestSettings
from services.ingest.validator import EventValidator
from services.ingest.windows import WindowPolicy
from shared.archive.url import open_archive
from shared.events.decoder import EventDecoder
from shared.events.json_mapping import JsonMapping, own_names
from shared.events.json_mapping_file import load_json_mapping
from shared.events.records import NetworkId
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics
from shared.kafka.consumer import Begin, GroupMember
from shared.kafka.deadletter import DeadLetterLimit, DeadLetterWriter
from shared.kafka.membership import open_member
from shared.kafka.persistence import Persistence, StoppingError
from shared.kafka.producer import open_producer
from shared.kafka.progress import ARCHIVE_GROUP, WINDOWS_GROUP
from shared.kafka.quarantine import Quarantine
from shared.kafka.watch import BrokerWatch, watch_broker
from shared.runtime.clock import wall_clock
from shared.runtime.metrics import IngestMetrics
from shared.runtime.probes import serve_probes
from shared.runtime.process import run_service
from shared.runtime.settings import PlatformSettings, read_settings
from shared.schemas.registry import SchemaRegistry
from shared.store.deferred import open_deferred
from shared.traffic.folder import load_networks
from shared.traffic.network import Network

log = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-ingest"


async def serve(settings: PlatformSettings, stop: asyncio.Event) -> None:
    """Ingest until `stop` is set; then finish the batches in hand, flush the archive, commit and leave both groups."""
    own = read_settings(IngestSettings)
    networks = load_networks(settings.networks)
    mapping = _json_mapping(own, networks)
    registry = CollectorRegistry()
    metrics = IngestMetrics(registry)
    limit = DeadLetterLimit(own.dead_letter_limit_share, own.dead_letter_limit_events)
    metrics.rejected_share.set_function(lambda: limit.rejected_share)
    quarantine = Quarantine(lambda stage: metrics.quarantined.labels(stage).inc())
    connecting = Persistence(stop)
    members: dict[str, GroupMember] = {}
    watch: BrokerWatch | None = None

    def not_ready() -> str | None:
        if len(members) < len((ARCHIVE_GROUP, WINDOWS_GROUP)):
            return connecting.trouble or "the broker"
        waiting = [member.waiting_for for member in members.values() if member.waiting_for]
        if watch is not None and watch.trouble is not None:
            waiting.insert(0, watch.trouble)
        if limit.exceeded:
            waiting.append(f"the dead-letter limit: {limit.rejected_share:.0%} of the last events were rejected")
        return "; ".join(waiting) or None

    async with AsyncExitStack() as stack:
        await stack.enter_async_context(serve_probes(settings, registry, not_ready, lambda: quarantine.told))
        archive = open_archive(settings.archive_url)
        stack.callback(archive.close)
        bootstrap = settings.kafka_bootstrap_servers
        try:
            # A store that does not answer must not hold up the archive, which works without it.
            store = await asyncio.to_thread(open_deferred, settings.store_url)
            stack.callback(store.close)
            await connecting.unless_stopped("broker", lambda: ensure_topics(bootstrap))
        except StoppingError:
            log.info("stopped before the broker answered")
            return
        watch = await stack.enter_async_context(watch_broker(bootstrap, CLIENT_ID))
        producer = await stack.enter_async_context(open_producer(bootstrap, CLIENT_ID))
        archiving = Archiving(
            validator=_validator(settings, own, networks, mapping, stack),
            archive=archive,
            policy=FlushPolicy(own.archive_flush_s, own.archive_flush_events, own.archive_flush_bytes),
            put_aside=put_aside_with(DeadLetterWriter(bootstrap, producer, f"{CLIENT_ID}-archive"), quarantine),
            origins=origins_on(bootstrap, f"{CLIENT_ID}-origins"),
            metrics=metrics,
            clock=wall_clock,
            monotonic=time.monotonic,
        )
        aggregation = Aggregation(
            networks=networks,
            validator=_validator(settings, own, networks, mapping, stack),
            store=store,
            producer=producer,
            dead_letters=DeadLetterWriter(bootstrap, producer, CLIENT_ID),
            limit=limit,
            quarantine=quarantine,
            metrics=metrics,
            window_policy=_window_policy(own),
            merge_policy=MergePolicy(own.merge_buffer_events, own.merge_wait_s),
            commit_interval_s=own.commit_interval_s,
            clock=wall_clock,
            monotonic=time.monotonic,
        )
        begins: dict[str, Begin] = {ARCHIVE_GROUP: archiving.begin, WINDOWS_GROUP: aggregation.begin}
        for group_id in begins:
            opening = open_member(bootstrap, group_id, CLIENT_ID, stop)
            member = members[group_id] = await stack.enter_async_context(opening)
            metrics.lag.labels(group_id).set_function(member.lag)
        async with asyncio.TaskGroup() as groups:
            for group_id, begin in begins.items():
                running = members[group_id].run(TRAFFIC_EVENTS.name, begin, own.max_poll_records)
                groups.create_task(running, name=group_id)


@contextmanager
def open_validator(settings: PlatformSettings) -> Iterator[EventValidator]:
    """A validator as this service uses it, for whoever checks its work afterwards."""
    own = read_settings(IngestSettings)
    networks = load_networks(settings.networks)
    with ExitStack() as stack:
        yield _validator(settings, own, networks, _json_mapping(own, networks), stack)


def _json_mapping(own: IngestSettings, networks: Mapping[NetworkId, Network]) -> JsonMapping:
    only = next(iter(networks)) if len(networks) == 1 else None
    return own_names(only) if own.json_mapping is None else load_json_mapping(own.json_mapping, only)


def _validator(
    settings: PlatformSettings,
    own: IngestSettings,
    networks: Mapping[NetworkId, Network],
    mapping: JsonMapping,
    stack: ExitStack | AsyncExitStack,
) -> EventValidator:
    """A validator of its own for each group, because a registry client serves one thread at a time."""
    writers = None
    if settings.schema_registry_url is not None:
        schemas = SchemaRegistry(settings.schema_registry_url)
        stack.callback(schemas.close)
        writers = schemas.writer
    return EventValidator(networks, EventDecoder(writers, mapping.read), timedelta(seconds=own.future_tolerance_s))


def _window_policy(own: IngestSettings) -> WindowPolicy:
    return WindowPolicy(
        lateness=timedelta(seconds=own.lateness_s),
        out_of_orderness=timedelta(seconds=own.out_of_orderness_s),
        clock_tolerance=timedelta(seconds=own.clock_tolerance_s),
        idle_timeout_s=own.idle_timeout_s,
        silence_s=own.silence_s,
    )


def main() -> int:
    """Run as a process; returns its exit code."""
    return run_service("ingest", serve)


if __name__ == "__main__":
    raise SystemExit(main())
