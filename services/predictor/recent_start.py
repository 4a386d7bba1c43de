"""What recent speeds begin with where the log knows nothing of a slot: a history in the archive, the store's windows.

A new installation, a new network, a topic that was lost: live, it would take weeks of windows to learn them again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import structlog
from structlog.stdlib import BoundLogger

from shared.archive.port import Archive
from shared.events.errors import ArchiveError, StoreError
from shared.events.records import NetworkId
from shared.forecasting.forecasting import SETTLED_WINDOWS
from shared.forecasting.registry.recent_speeds import recent_before
from shared.forecasting.warm_up import WarmUp
from shared.store.port import Store
from shared.traffic.arrays import Floats
from shared.traffic.network import Network
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentRow, RecentSpeeds

log: BoundLogger = structlog.stdlib.get_logger(__name__)

DAY = timedelta(days=1)
MOST_DAYS = 56
"""Of the store's windows: forty working days, of which the oldest count 0.001 %, and sixteen days off, 1 %."""
MOST_READ = 4_000_000
"""Windows of single sensors: what bounds the time that the first start of a large network takes."""


@dataclass
class RecentStart:
    """Looks for a beginning once for each network, and again where its windows leave a gap: another history may fit.

    Attributes:
        archive: where histories are kept.
        store: has the windows of before.
    """

    archive: Archive
    store: Store
    _looked: dict[NetworkId, datetime] = field(default_factory=dict, init=False)

    def rows(self, step: Step, recent: RecentSpeeds) -> Sequence[RecentRow]:
        """Rows to `fill` recent speeds with before a step is forecast: of windows before all that it shows or ends by.

        Raises:
            StoreError: earlier windows are needed and cannot be read.
        """
        network, start = step.network, step.window_start
        before = self._looked.get(network.network_id)
        if before is not None and start - before <= SETTLED_WINDOWS * network.window:
            self._looked[network.network_id] = max(before, start)
            return ()
        self._looked[network.network_id] = start
        try:
            kept = recent_before(self.archive, network, step.window_end)
        except ArchiveError as away:
            # The next step looks again: forecasts without a beginning are better than none.
            log.warning("cannot look for recent speeds", network=network.network_id, error=str(away))
            del self._looked[network.network_id]
            kept = ()
        try:
            rows = kept if recent.learned is not None else self._continued(step, kept)
        except StoreError:
            self._looked.pop(network.network_id, None)
            raise
        if rows:
            log.info("recent speeds found", network=network.network_id, slots=len(rows), until=rows[-1].window_start)
        return rows

    def _continued(self, step: Step, kept: Sequence[RecentRow]) -> Sequence[RecentRow]:
        """A history continued by the store's windows up to those that the step shows."""
        network = step.network
        end = step.window_start - (len(step.speed_mph) - 1) * network.window
        days = min(MOST_DAYS, max(1, MOST_READ // (len(network.sensors) * (DAY // network.window))))
        begin = end - days * DAY
        if kept:
            begin = max(begin, kept[-1].window_start + network.window)
        if next(self.store.aggregates(network.network_id, None, begin, end, limit=1), None) is None:
            return kept
        warm_up = WarmUp(network, kept)
        for start, speed_mph in self._days(network, begin, end):
            warm_up.add(start, speed_mph)
        return warm_up.rows()

    def _days(self, network: Network, begin: datetime, end: datetime) -> Iterator[tuple[datetime, Floats]]:
        """The store's windows from `begin` to `end` by day: start, and (windows, N) mph, NaN where missing."""
        while begin < end:
            stop = min(end, begin + DAY)
            speed_mph = np.full(((stop - begin) // network.window, len(network.sensors)), np.nan)
            for one in self.store.aggregates(network.network_id, None, begin, stop):
                sensor, row = network.index.get(one.sensor_id), (one.window_start - begin) // network.window
                fits = one.window_end - one.window_start == network.window and row < len(speed_mph)
                if sensor is not None and one.mean_speed_mph is not None and fits:
                    speed_mph[row, sensor] = one.mean_speed_mph
            if not np.isnan(speed_mph).all():
                yield begin, speed_mph
            begin = stop
