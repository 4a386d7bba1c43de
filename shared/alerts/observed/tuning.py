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
from shared.alerts.learned.learner import INCIDENT_THRESHOLD, Learner
from shared.alerts.observed.alerts import DetectionRules
from shared.events.records import NetworkId, SensorId
from shared.traffic.network import Network


@dataclass(frozen=True, slots=True)
class DetectorTuning:
    """What can be set of alert detection; the defaults are those that ship, explained in docs/alerts.md.

    Attributes:
        rule: of congestion.
        material: what is worth an update.
        incident_level: evidence that raises an incident alert at a sensor like most; infinite: none is raised.
        settle_seconds: wall time without a further window after which an incomplete step is judged.
        silence_seconds: wall time without any window of a network after which its alerts are cleared.
    """

    rule: CongestionRule = field(default_factory=CongestionRule)
    material: Materiality = field(default_factory=Materiality)
    incident_level: float = INCIDENT_THRESHOLD
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
            learners={name: Learner(network, self.incident_level) for name, network in networks.items()},
            clocks_off=clocks_off,
        )
