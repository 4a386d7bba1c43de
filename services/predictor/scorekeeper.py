"""Live scores of all networks: from forecasts and windows into the store and the metrics, and back after a restart."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from structlog.stdlib import BoundLogger

from services.predictor.score_metrics import ScoreMetrics
from shared.archive.port import Archive
from shared.events.errors import ArchiveError, StoreError
from shared.events.records import NetworkId
from shared.forecasting.forecasting import Forecasting, ModelForecast, Scales
from shared.forecasting.inputs.history import batch_of
from shared.forecasting.models.historical_average import FROM_STREAM
from shared.forecasting.registry.roles import Champion, promote
from shared.forecasting.registry.serving import Serving
from shared.forecasting.scoring.promotion import PromotionRule, horizons_at
from shared.forecasting.scoring.scoreboard import Scoreboard, Spans
from shared.forecasting.scoring.standing import standing_of
from shared.runtime.metrics import PredictorMetrics
from shared.store.model_records import ModelScore
from shared.store.port import Store
from shared.traffic.health.rules import Reasons
from shared.traffic.network import Network
from shared.traffic.steps import Step

log: BoundLogger = structlog.stdlib.get_logger(__name__)

MOST_FORECASTS_AT_ONCE = 20_000
"""Sensors times origins that are forecast again in one go: what bounds the memory of a restart."""
RULE_INTERVAL = timedelta(hours=1)
MOST_REBUILT = timedelta(days=1)
"""Scores that are later than this are not of steps that come again, but of a recording that is played again."""


@dataclass(frozen=True, slots=True)
class ScoringPlan:
    """What was chosen: windows behind the newest that may still change, spans of event time, the rule's terms."""

    correctable: int
    spans: Spans
    challengers: bool
    promotion_margin: float | None = None
    """`None`: nobody is promoted by a rule."""


@dataclass
class Scorekeeper:
    """Scores what was forecast; of one step at a time, in whatever thread; only `lose_track` may be called meanwhile.

    For each step: `recover` what a restart forgot, `score`, then `scales` for its intervals, `remember` what was
    forecast, `keep` the scores, `report`, and `count` when it has got out. What one of them finds out goes to the next
    as a value.

    Scores and waiting forecasts are a function of the log and the store: when a partition comes (back) to us, the
    store's scores are read, and the forecasts that wait are made again, those of steps that are due again when these
    come, and those of earlier ones with the first of them.
    """

    networks: Mapping[NetworkId, Network]
    plan: ScoringPlan
    archive: Archive
    store: Store
    metrics: PredictorMetrics
    _boards: dict[NetworkId, Scoreboard] = field(init=False)
    _shown: dict[NetworkId, ScoreMetrics] = field(init=False)
    _lost: set[NetworkId] = field(init=False)
    _rebuilt_until: dict[NetworkId, datetime] = field(default_factory=dict, init=False)
    _ruled: dict[NetworkId, datetime] = field(default_factory=dict, init=False)
    _promoted: dict[NetworkId, datetime] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        """Make a board for each network."""
        plan = self.plan
        self._boards = {
            network_id: Scoreboard(network, plan.correctable, plan.spans)
            for network_id, network in self.networks.items()
        }
        self._shown = {network_id: ScoreMetrics(network, self.metrics) for network_id, network in self.networks.items()}
        self._lost = set(self.networks)

    def lose_track(self) -> None:
        """A partition was assigned to us: another process may have kept score meanwhile."""
        self._lost |= set(self.networks)

    def rebuilding(self, step: Step) -> bool:
        """Whether a step may be one of before a restart, of which all forecasts have to wait again.

        Not only the windows before the committed offset are: those behind it come as new ones, however many of their
        steps had been forecast and scored already.
        """
        network_id = step.network.network_id
        until = self._rebuilt_until.get(network_id)
        return network_id in self._lost or until is None or step.window_end <= until

    def recover(self, step: Step, forecasting: Forecasting, serving: Serving) -> None:
        """Follow the models that serve; after `lose_track` read the scores back and make the waiting forecasts again.

        Raises:
            StoreError: earlier scores are needed and cannot be read.
        """
        network_id = step.network.network_id
        board = self._boards[network_id]
        board.admit(serving)
        if network_id in self._lost:
            self._lost.discard(network_id)
            try:
                self._find_scores(step, board)
            except StoreError:
                self._lost.add(network_id)
                raise
        self._find_forecasts(step, board, forecasting, serving)

    def score(self, step: Step, doubts: Reasons | None = None) -> list[ModelScore]:
        """Score what was forecast for the step's window, by readings that are not doubted (history, N)."""
        return self._boards[step.network.network_id].observe(step, doubts)

    def scales(self, step: Step) -> Scales:
        """What the intervals of the step's forecasts are to be multiplied by, as the settled scores show."""
        return self._boards[step.network.network_id].scales([step.window_end])

    def remember(self, step: Step, forecasts: Sequence[ModelForecast], *, challengers: bool) -> list[ModelScore]:
        """Let forecasts wait for their windows; returns the scores of those whose windows have come already."""
        if not challengers:
            # They speak for a few sensors only: no fair score.
            forecasts = [one for place, one in enumerate(forecasts) if place == 0 or one.version == FROM_STREAM]
        return self._boards[step.network.network_id].remember(step, forecasts)

    def keep(self, scores: Sequence[ModelScore]) -> None:
        """Store scores; raises `StoreError`."""
        if scores:
            self.store.put_model_scores(scores)

    def count(self, scores: Iterable[ModelScore]) -> None:
        """Count scores of a step that has got out: in the attempts before, they may have been stored already."""
        for score in scores:
            self.metrics.scores.labels(score.model_name).inc()

    def report(self, step: Step, serving: Serving, scales: Scales) -> None:
        """Show figures and drifts, and promote by the rule, where there is one."""
        network_id, until = step.network.network_id, step.window_end
        if step.again:
            return
        board = self._boards[network_id]
        horizons = horizons_at(step.network.window)
        standing = standing_of(board, serving, until, horizons)
        self._shown[network_id].show(standing, serving, scales, horizons)
        if self.plan.promotion_margin is not None:
            self._apply_rule(step, board, serving, self.plan.promotion_margin)

    def _find_scores(self, step: Step, board: Scoreboard) -> None:
        network, end = step.network, step.window_end
        latest = end + self.plan.correctable * network.window
        first = end - board.looks_back
        newest = next(iter(self.store.model_scores(network.network_id, None, first, end + MOST_REBUILT, limit=1)), None)
        self._rebuilt_until[network.network_id] = latest if newest is None else max(latest, newest.timestamp)
        stored = list(self.store.model_scores(network.network_id, None, first, latest + network.window))
        board.restore(stored)
        log.info("scores found", network=network.network_id, scores=len(stored))

    def _find_forecasts(self, step: Step, board: Scoreboard, forecasting: Forecasting, serving: Serving) -> None:
        network, end = step.network, step.window_end
        for ages in _in_parts(board.forgotten(step), max(1, MOST_FORECASTS_AT_ONCE // max(1, len(network.sensors)))):
            scales = board.scales([end - age * network.window for age in ages])
            batch = batch_of(step, ages, forecasting.recent, forecasting.doubts(step))
            forecasts = forecasting.of_batch(batch, serving, challengers=self.plan.challengers, scales=scales)
            board.remember(step, forecasts, ages)

    def _apply_rule(self, step: Step, board: Scoreboard, serving: Serving, margin: float) -> None:
        network, now = step.network, step.window_end
        last_ruled = self._ruled.get(network.network_id)
        if serving.champion is None or (last_ruled is not None and last_ruled <= now < last_ruled + RULE_INTERVAL):
            return
        self._ruled[network.network_id] = now
        rule = PromotionRule(network.window, self.plan.spans.kept, horizons_at(network.window), margin)
        errors = board.errors([served.key for served in serving.ranked], now)
        # Our own is known before the registry has seen it.
        since = None if serving.promoted is None else serving.promoted.since
        last = self._promoted.get(network.network_id, since)
        found = rule.decide(serving.champion.key, errors, now, last)
        if found is None:
            return
        try:
            # Its newer versions are meant as well: one that is pinned would never be succeeded.
            promote(self.archive, network.network_id, Champion(found.model[0], None, now, f"rule: {found.reason}"))
        except ArchiveError as away:
            log.warning("cannot promote", network=network.network_id, model=found.model[0], error=str(away))
        else:
            log.info("promoted by the rule", network=network.network_id, model=found.model[0], reason=found.reason)
            self._promoted[network.network_id] = now
            self.metrics.promotions.labels(network.network_id).inc()


def _in_parts(ages: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    return (ages[first : first + size] for first in range(0, len(ages), size))
