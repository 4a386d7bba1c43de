"""Which versions of models serve, told to the store and the metrics whenever it changes."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import structlog
from structlog.stdlib import BoundLogger

from shared.events.errors import StoreError
from shared.events.records import NetworkId
from shared.forecasting.registry.registry import Registry
from shared.forecasting.registry.roster import changes, roster
from shared.forecasting.registry.serving import Serving
from shared.runtime.clock import Clock, wall_clock
from shared.runtime.metrics import PredictorMetrics
from shared.store.port import Store

log: BoundLogger = structlog.stdlib.get_logger(__name__)


@dataclass
class RoleKeeper:
    """Follows a registry. What the store could not be told is told at the next look."""

    registry: Registry
    store: Store
    metrics: PredictorMetrics
    clock: Clock = wall_clock
    _counted: dict[NetworkId, Serving] = field(default_factory=dict)
    _told: dict[NetworkId, Serving] = field(default_factory=dict)
    _labelled: dict[NetworkId, set[tuple[str, ...]]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Let the registry look for models, and tell what has changed; raises `ArchiveError`."""
        self.registry.refresh()
        for network_id in self.registry.networks:
            serving = self.registry.serving(network_id)
            self._count(network_id, serving)
            self._tell(network_id, serving)

    def _count(self, network_id: NetworkId, serving: Serving) -> None:
        before = self._counted.get(network_id, Serving())
        self._counted[network_id] = serving
        for name, _ in serving.loaded.keys() - before.loaded.keys():
            self.metrics.model_loads.labels(network_id, name).inc()
        for refused in set(serving.refused) - set(before.refused):
            self.metrics.model_refusals.labels(network_id, refused.model_name).inc()
        labels: set[tuple[str, ...]] = {
            (network_id, one.model_name, one.model_version, one.role.value)
            for one in roster(network_id, serving, self.clock())
            if one.reason is None
        }
        for gone in self._labelled.get(network_id, set()) - labels:
            self.metrics.model_info.remove(*gone)
        for each in labels:
            self.metrics.model_info.labels(*each).set(1)
        self._labelled[network_id] = labels

    def _tell(self, network_id: NetworkId, serving: Serving) -> None:
        if _same(self._told.get(network_id), serving):
            return
        now = self.clock()
        try:
            changed = changes(self.store.served_models(network_id), roster(network_id, serving, now), now)
            self.store.put_served_models(changed)
        except StoreError as away:
            log.warning("cannot store which models serve", network=network_id, error=str(away))
        else:
            self._told[network_id] = serving


def _same(before: Serving | None, now: Serving) -> bool:
    return before is not None and _gist(before) == _gist(now)


def _gist(serving: Serving) -> tuple[Iterable[object], ...]:
    ranked = tuple(served.key for served in serving.ranked)
    return ranked, frozenset(serving.loaded), frozenset(serving.refused)
