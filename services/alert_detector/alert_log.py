"""Alerts on the log and in the store: read back when a partition is assigned, written when they change."""

import asyncio
from collections.abc import Iterable, Sequence

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.producer.message_accumulator import BatchBuilder
from structlog.stdlib import BoundLogger

from shared.alerts.lifecycle.changes import RoadChanges
from shared.events.avro import codec
from shared.events.errors import RefusedByStoreError, RejectedEventError
from shared.events.records import AlertId, NetworkId, TrafficAlert
from shared.events.topics import ALERTS
from shared.kafka.dated import decode_dated
from shared.kafka.deadletter import DECODE
from shared.kafka.following import read_topic
from shared.kafka.partitioning import partition_of
from shared.kafka.producer import MAX_BATCH_BYTES, MAX_RECORD_BYTES
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from shared.store.port import Store

log: BoundLogger = structlog.stdlib.get_logger(__name__)

RECORD_OVERHEAD_BYTES = 64
MENDED_IN_STORE = 1_000
"""How many of the last alerts on the log are put into the store again after a restart."""


class AlertLog:
    """The alerts topic and the store behind it. The topic is the truth: it is written first, and mends the store."""

    def __init__(
        self,
        bootstrap_servers: str,
        producer: AIOKafkaProducer,
        store: Store,
        client_id: str,
        letters: ReaderLetters,
    ) -> None:
        self._bootstrap_servers = bootstrap_servers
        self._producer = producer
        self._store = store
        self._client_id = client_id
        self._letters = letters
        self._encode = codec(TrafficAlert).encode

    async def write(self, changes: Sequence[RoadChanges]) -> None:
        """Return when log and store have acknowledged all of them.

        The changes of one carriageway go in one record batch, which the log takes whole or not at all, and all alerts
        of a network into one partition, whatever the number of partitions.
        """
        by_partition: dict[int, list[list[tuple[bytes, bytes]]]] = {}
        for change in changes:
            partition = await self._partition(change.alerts[0].network_id)
            records = [(alert.alert_id.encode(), self._encode(alert)) for alert in change.alerts]
            for _, value in records:
                if len(value) > MAX_RECORD_BYTES:
                    # The client does not check batches, and one that the broker refuses ends the producer.
                    raise MessageSizeTooLargeError(f"an alert of {len(value):,} bytes")
            by_partition.setdefault(partition, []).append(records)
        for partition, groups in by_partition.items():
            for batch in self._batches(groups):
                await (await self._producer.send_batch(batch, ALERTS.name, partition=partition))
        await asyncio.to_thread(self._store.put_alerts, [alert for change in changes for alert in change.alerts])

    async def read(self) -> list[TrafficAlert]:
        """The newest state of every alert on the log, in the order of their last change; mends the store by the way."""
        latest: dict[AlertId, TrafficAlert] = {}
        for record in await read_topic(self._bootstrap_servers, f"{self._client_id}-recall", ALERTS):
            alert = self._alert(record)
            known = None if alert is None else latest.get(alert.alert_id)
            if alert is not None and (known is None or alert.revision > known.revision):
                latest[alert.alert_id] = alert
        alerts = sorted(latest.values(), key=lambda alert: (alert.updated_at, alert.alert_id))
        mended = [alert for alert in alerts[:-MENDED_IN_STORE] if alert.active] + alerts[-MENDED_IN_STORE:]
        if mended:
            await asyncio.to_thread(self._mend, mended)
        return alerts

    def _alert(self, record: LogRecord) -> TrafficAlert | None:
        try:
            return None if record.value is None else decode_dated(TrafficAlert, record)
        except RejectedEventError as rejected:
            self._letters.put(record, rejected, DECODE)
            return None

    def _mend(self, alerts: Sequence[TrafficAlert]) -> None:
        try:
            self._store.put_alerts(alerts)
        except RefusedByStoreError:
            for alert in alerts:
                try:
                    self._store.put_alerts([alert])
                except RefusedByStoreError as refused:
                    log.error("the store takes no such alert", alert=alert.alert_id, error=str(refused))  # noqa: TRY400 - foreseen

    def _batches(self, groups: Iterable[Sequence[tuple[bytes, bytes]]]) -> Iterable[BatchBuilder]:
        batch: BatchBuilder = self._producer.create_batch()
        for group in groups:
            need = sum(len(key) + len(value) + RECORD_OVERHEAD_BYTES for key, value in group)
            whole = need <= MAX_BATCH_BYTES - RECORD_OVERHEAD_BYTES
            if not whole:
                log.warning("changes of one carriageway exceed one batch", alerts=len(group), size_bytes=need)
            for records in [group] if whole else [[record] for record in group]:
                size = sum(len(key) + len(value) + RECORD_OVERHEAD_BYTES for key, value in records)
                if batch.record_count() and batch.size() + size > MAX_BATCH_BYTES:
                    batch.close()
                    yield batch
                    batch = self._producer.create_batch()
                for key, value in records:
                    batch.append(timestamp=None, key=key, value=value)
        batch.close()
        yield batch

    async def _partition(self, network_id: NetworkId) -> int:
        return partition_of(network_id, await self._producer.partitions_for(ALERTS.name))
