"""Composition root of the predictor: aggregates to predictions."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta

import structlog
from prometheus_client import CollectorRegistry
from structlog.stdlib import BoundLogger

from services.predictor.predicting import Predicting
from services.predictor.recent_log import read_recent
from services.predictor.recent_start import RecentStart
from services.predictor.role_keeper import RoleKeeper
from services.predictor.scorekeeper import Scorekeeper, ScoringPlan
from services.predictor.settings import PredictorSettings
from services.predictor.steps import StepProcessing
from shared.archive.url import open_archive
from shared.events.decoder import Decoder
from shared.events.errors import ArchiveError, RejectedEventError
from shared.events.records import ProcessedTrafficAggregate
from shared.events.topics import AGGREGATES, PREDICTIONS
from shared.forecasting.registry.registry import Registry
from shared.forecasting.scoring.scoreboard import Spans
from shared.kafka.admin import ensure_topics
from shared.kafka.assignment import Input
from shared.kafka.deadletter import DeadLetterWriter
from shared.kafka.persistence import Persistence, StoppingError
from shared.kafka.producer import open_producer
from shared.kafka.quarantine import Culprit, Quarantine
from shared.kafka.reader_letters import ReaderLetters
from shared.kafka.replay import LogRecord
from shared.kafka.worker import Worker
from shared.runtime.metrics import PredictorMetrics
from shared.runtime.probes import serve_probes
from shared.runtime.process import opened_at, run_service
from shared.runtime.settings import PlatformSettings, read_settings
from shared.runtime.side_by_side import beside
from shared.store.deferred import open_deferred
from shared.traffic.assembler import Strangers
from shared.traffic.folder import load_networks
from shared.traffic.steps import Step

log: BoundLogger = structlog.stdlib.get_logger(__name__)

CLIENT_ID = "metrla-predictor"


async def serve(settings: PlatformSettings, stop: asyncio.Event) -> None:
    """Forecast until `stop` is set; what is in hand then is finished or comes again after the restart."""
    own = read_settings(PredictorSettings)
    networks = load_networks(settings.networks)
    strangers = Strangers()
    probed = CollectorRegistry()
    metrics = PredictorMetrics(probed)
    quarantine = Quarantine(lambda stage: metrics.quarantined.labels(stage).inc())
    servers = settings.kafka_bootstrap_servers
    worker: Worker[Step] | None = None
    starting = Persistence(stop)

    def waiting_for() -> str | None:
        return starting.trouble or "the broker" if worker is None else worker.waiting_for()

    async with AsyncExitStack() as opened:
        archive = await opened.enter_async_context(opened_at(settings.archive_url, open_archive))
        store = await opened.enter_async_context(opened_at(settings.store_url, open_deferred))
        registry = Registry(archive, networks)
        roles = RoleKeeper(registry, store, metrics)
        scorekeeper = Scorekeeper(networks, _scoring(own), archive, store, metrics)

        await opened.enter_async_context(serve_probes(settings, probed, waiting_for, lambda: quarantine.told))
        try:
            await starting.unless_stopped("loading of models", lambda: asyncio.to_thread(roles.refresh))
            await starting.unless_stopped("creation of topics", lambda: ensure_topics(servers))
        except StoppingError:
            return
        for network_id in networks:
            if registry.serving(network_id).champion is None:
                log.warning("no trained model, what the stream shows has to do", network=network_id)
        producer = await opened.enter_async_context(open_producer(servers, CLIENT_ID))
        predicting = Predicting(
            networks=networks,
            least_observed=own.least_observed,
            challengers=own.challengers,
            registry=registry,
            store=store,
            producer=producer,
            scorekeeper=scorekeeper,
            recent_start=RecentStart(archive, store),
            metrics=metrics,
        )
        letters = DeadLetterWriter(servers, producer, CLIENT_ID)
        aside = ReaderLetters(servers, CLIENT_ID, quarantine)

        async def recall() -> None:
            await read_recent(servers, CLIENT_ID, predicting.recent, aside)

        def processing() -> StepProcessing:
            return StepProcessing(networks, own.settle_seconds, own.correctable_windows, strangers)

        async def deliver(steps: Sequence[Step]) -> None:
            await predicting.deliver(steps, behind=0 if worker is None else worker.behind)

        async def put_aside(culprit: Culprit[Step]) -> None:
            step = culprit.item
            about = f"{step.network.network_id}, step that ends at {step.window_end.isoformat()}".encode()
            key = step.network.network_id.encode()
            await letters.put_aside(PREDICTIONS.name, key, about, culprit.fault, culprit.stage)

        windows = _windows(metrics, letters, scorekeeper, recall, processing)
        worker = Worker(servers, own.group, [windows], deliver, stop, put_aside, quarantine)
        await opened.enter_async_context(beside(stop, _poll(roles, own.model_poll_seconds), aside.run()))
        await worker.run()


def _scoring(own: PredictorSettings) -> ScoringPlan:
    spans = Spans(timedelta(hours=own.scoring_hours), timedelta(hours=own.promotion_hours))
    automatic = own.promotion == "automatic"
    return ScoringPlan(
        correctable=own.correctable_windows,
        spans=spans if automatic else replace(spans, kept=spans.rolling),
        challengers=own.challengers,
        promotion_margin=own.promotion_margin if automatic else None,
    )


def _windows(
    metrics: PredictorMetrics,
    letters: DeadLetterWriter,
    scorekeeper: Scorekeeper,
    recall: Callable[[], Awaitable[None]],
    processing: Callable[[], StepProcessing],
) -> Input[ProcessedTrafficAggregate, Step]:
    decoder = Decoder(ProcessedTrafficAggregate)

    def decode(value: bytes) -> ProcessedTrafficAggregate:
        metrics.windows.inc()
        return decoder(value)

    async def dead_letter(record: LogRecord, rejected: RejectedEventError) -> None:
        await letters.reject(record, rejected)
        metrics.rejected.inc()

    async def create(partition: int) -> StepProcessing:
        letters.expect_also(AGGREGATES.name, partition)
        scorekeeper.lose_track()
        await recall()
        return processing()

    return Input(AGGREGATES, decode, dead_letter, create)


async def _poll(roles: RoleKeeper, seconds: float) -> None:
    """Look for newer models and roles every so many seconds, until cancelled."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(roles.refresh)
        except ArchiveError as away:
            log.warning("cannot look for newer models", error=str(away))


def main() -> int:
    """Run as a process; returns its exit code."""
    return run_service("predictor", serve)


if __name__ == "__main__":
    raise SystemExit(main())
