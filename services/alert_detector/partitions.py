"""What is done with each partition: made with all that log and archive know of its networks.

The windows and the predictions of a network are in partitions of the same number, and these go to the same process. So
who judges what a network's forecasts let expect also knows which of its alerts are active, and what operators did.
"""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from math import nan

import structlog
from aiokafka import AIOKafkaProducer
from structlog.stdlib import BoundLogger

from services.alert_detector.alert_log import AlertLog
from services.alert_detector.state_log import StateLog
from shared.alerts.actions.alerts import AlertActions
from shared.alerts.actions.published import PublishedAlerts
from shared.alerts.actions.rule import as_watched
from shared.alerts.detection.budget import Grade, Spending
from shared.alerts.expectations.alerts import ExpectationDetector, is_expectation
from shared.alerts.expectations.expected import ExpectedAlerts
from shared.alerts.learned.learner import Learner
from shared.alerts.learned.start import from_profile
from shared.alerts.learned.state import Learned
from shared.alerts.learned.wire import beginning_of
from shared.alerts.lifecycle.board import AlertBoard
from shared.alerts.observed.alerts import DetectionRules, ObservedAlerts, Recalled
from shared.archive.port import Archive
from shared.events.records import AlertType, NetworkId, SensorId
from shared.events.topics import AGGREGATES, PREDICTIONS
from shared.forecasting.registry.profile import latest_profile
from shared.kafka.deadletter import DeadLetterWriter
from shared.kafka.partitioning import partition_of

log: BoundLogger = structlog.stdlib.get_logger(__name__)

EXPECTATION_SETTLE_SECONDS = 5.0
EXPECTATION_SILENCE_SECONDS = 1800.0


@dataclass
class Partitions:
    """Makes what is done with a partition of windows or of predictions, and knows those that are ours.

    Attributes:
        rules: of the windows.
        detectors: of the predictions.
        actions: what operators do.
        alerts: the alerts on the log.
        states: what was learned.
        archive: where models are kept whose usual speeds a network begins with; `None`: it begins with none.
        letters: dead letters; told which partitions they may come from.
        producer: knows how many partitions there are.
        advisories_known: set once all advisories of the log were read.
    """

    rules: DetectionRules
    detectors: Mapping[NetworkId, ExpectationDetector]
    actions: AlertActions
    alerts: AlertLog
    states: StateLog
    archive: Archive | None
    letters: DeadLetterWriter
    producer: AIOKafkaProducer
    advisories_known: asyncio.Event
    _windows: dict[int, PublishedAlerts] = field(default_factory=dict, init=False)
    _predictions: dict[int, ExpectedAlerts] = field(default_factory=dict, init=False)
    _recalled: defaultdict[int, asyncio.Event] = field(default_factory=lambda: defaultdict(asyncio.Event), init=False)

    async def windows(self, partition: int) -> PublishedAlerts:
        """For the windows of a partition: recall the alerts of its networks, and what was learned of them."""
        self.letters.expect_also(AGGREGATES.name, partition)
        mine = await self._networks_of(partition)
        on_log = await self.alerts.read() if mine else []
        learners = {name: self.rules.learners[name] for name in mine if name in self.rules.learners}
        learned = await self._begun(await self.states.read(learners)) if learners else {}
        # An advisory that is not read yet would look as if its publisher had taken it back.
        await self.advisories_known.wait()
        # Nothing is waited for from here on: a partition that is taken from us meanwhile leaves nothing behind.
        known = self.actions.recall(mine, on_log)
        observed = [alert for alert in known if not is_expectation(alert)]
        congestion, incidents = (
            {name: AlertBoard.rebuilt(self.rules.detectors[name].network, kind, observed) for name in mine}
            for kind in (AlertType.CONGESTION, AlertType.INCIDENT)
        )
        for network_id in mine:
            self.rules.advisories.recall(network_id, known)
        alerts = PublishedAlerts(
            ObservedAlerts(self.rules, Recalled(congestion, incidents, learned)),
            self.actions,
            mine,
            partial(self._close_windows, partition),
        )
        self._windows[partition] = alerts
        self._recalled[partition].set()
        log.info("alerts recalled", partition=partition, active=alerts.observed.active())
        return alerts

    async def predictions(self, partition: int) -> ExpectedAlerts:
        """For the predictions of a partition: recall its expectations, once the windows of that number are known."""
        self.letters.expect_also(PREDICTIONS.name, partition)
        await self._recalled[partition].wait()
        mine = await self._networks_of(partition)
        on_log = await self.alerts.read() if mine else []
        known = [as_watched(alert) for alert in on_log if is_expectation(alert)]

        def covered(network_id: NetworkId) -> set[SensorId]:
            windows = self._windows.get(partition)
            return set() if windows is None else windows.observed.covered(network_id)

        def doubted(network_id: NetworkId) -> set[SensorId]:
            windows = self._windows.get(partition)
            disbelieved = set() if windows is None else windows.observed.disbelieved(network_id)
            return disbelieved.union(self.rules.clocks_off(network_id))

        alerts = ExpectedAlerts(
            self.detectors,
            {name: AlertBoard.rebuilt(self.detectors[name].network, AlertType.CONGESTION, known) for name in mine},
            settle_seconds=EXPECTATION_SETTLE_SECONDS,
            silence_seconds=EXPECTATION_SILENCE_SECONDS,
            covered=covered,
            doubted=doubted,
            published=self.actions.published,
            on_close=partial(self._predictions.pop, partition, None),
        )
        self._predictions[partition] = alerts
        log.info("expectations recalled", partition=partition, active=alerts.active)
        return alerts

    def active(self, alert_type: AlertType) -> int:
        """How many alerts of congestion or incidents are active in the networks that are ours."""
        observed = sum(one.observed.active(alert_type) for one in self._windows.values())
        expected = sum(one.active for one in self._predictions.values())
        return observed + (expected if alert_type is AlertType.CONGESTION else 0)

    def doubted(self) -> int:
        """How many sensors of the networks that are ours are not believed."""
        return sum(one.observed.doubted for one in self._windows.values())

    def alarm_rate(self, network_id: NetworkId, grade: Grade) -> float:
        """Incident alarms of a grade and above per 100 sensor-days in the last weeks; NaN where not known."""
        spending = self._spending(network_id)
        rate = None if spending is None else spending.raised_per_100_sensor_days(grade)
        return nan if rate is None else rate

    def alarm_threshold(self, network_id: NetworkId, grade: Grade) -> float:
        """The evidence that raises an alarm of a grade in the next window; NaN where the network is not ours."""
        spending = self._spending(network_id)
        return nan if spending is None else float(self.rules.learners[network_id].budget.thresholds(spending)[grade])

    def _spending(self, network_id: NetworkId) -> Spending | None:
        found = (one.observed.spending(network_id) for one in self._windows.values())
        return next((spending for spending in found if spending is not None), None)

    def _close_windows(self, partition: int) -> None:
        self._windows.pop(partition, None)
        self._recalled[partition].clear()

    async def _networks_of(self, partition: int) -> list[NetworkId]:
        numbers = await self.producer.partitions_for(AGGREGATES.name)
        return [name for name in self.rules.detectors if partition_of(name, numbers) == partition]

    async def _begun(self, learned: Mapping[NetworkId, Learned | None]) -> dict[NetworkId, Learned]:
        """What is known of each network: where nothing was learned yet, the usual speeds of its models."""
        known = {}
        for network_id, state in learned.items():
            beginning = state or await self._beginning(self.rules.learners[network_id])
            if beginning is not None:
                known[network_id] = beginning
        return known

    async def _beginning(self, learner: Learner) -> Learned | None:
        if self.archive is None:
            return None
        profile = await asyncio.to_thread(latest_profile, self.archive, learner.network)
        beginning = None if profile is None else from_profile(learner, profile)
        if beginning is not None:
            await self.states.write(beginning_of(learner, beginning))
        return beginning
