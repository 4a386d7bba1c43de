"""How alert detection is set and put together: the service and whoever measures it both ask here. Pure."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from shared.alerts.advisories.alerts import AdvisoryDetector
from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.advisories.usual import UsualLookups
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.detection.budget import FALSE_ALARMS_PER_100_SENSOR_DAYS
from shared.alerts.learned.learner import Learner
from shared.alerts.observed.alerts import DetectionRules
from shared.events.records import NetworkId, SensorId
from shared.traffic.network import Network


@dataclass(frozen=True, slots=True)
class DetectorTuning:
    """What can be set of alert detection; the defaults are those that ship, explained in docs/alerts.md.

    Attributes:
        rule: of congestion.
        material: what is worth an update.
        false_alarms_per_100_sensor_days: the budget that incident alerts keep to; 0: none is raised.
        settle_seconds: wall time without a further window after which an incomplete step is judged.
        silence_seconds: wall time without any window of a network after which its alerts are cleared.
    """

    rule: CongestionRule = field(default_factory=CongestionRule)
    material: Materiality = field(default_factory=Materiality)
    false_alarms_per_100_sensor_days: float = FALSE_ALARMS_PER_100_SENSOR_DAYS
    settle_seconds: float = 5.0
    silence_seconds: float = 1800.0

    def rules(
        self,
        networks: Mapping[NetworkId, Network],
        clock: Callable[[], datetime] | None = None,
        clocks_off: Callable[[NetworkId], Collection[SensorId]] = lambda _: (),
    ) -> DetectionRules:
        """Everything that detection needs for these networks; for `clock` and `clocks_off` see `DetectionRules`."""
        advisories = AnnouncedAlerts(
            {name: AdvisoryDetector(network, self.rule) for name, network in networks.items()}, usual=UsualLookups()
        )
        return DetectionRules(
            {name: CongestionDetector(network, self.rule, self.material) for name, network in networks.items()},
            self.settle_seconds,
            self.silence_seconds,
            advisories,
            clock=clock,
            learners={
                name: Learner(network, self.false_alarms_per_100_sensor_days) for name, network in networks.items()
            },
            clocks_off=clocks_off,
        )
