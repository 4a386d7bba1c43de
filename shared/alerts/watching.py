"""What an alert processor holds of each network between two steps. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from shared.alerts.judge import Boards
from shared.alerts.learned.persistently_slow import Hours
from shared.alerts.learned.state import Learned
from shared.alerts.lifecycle.board import AlertBoard
from shared.events.records import NetworkId
from shared.traffic.steps import NetworkSteps


@dataclass(frozen=True, slots=True, eq=False)
class Taught:
    """What was learned, as of a step."""

    learned: Learned
    hours: Hours


@dataclass
class Watch:
    """One network: its windows, its alerts, how far it is judged. `since` is the wall time of its last window.

    `before` is what was learned before the newest step, so that it can be judged again, `after` what with it.
    So many sensors are `doubted`.
    """

    steps: NetworkSteps
    boards: Boards
    since: float
    judged: datetime | None = None
    delivered: int = 0
    before: Taught | None = None
    after: Taught | None = None
    doubted: int = 0


@dataclass(frozen=True, slots=True)
class Recalled:
    """What the log knows of the networks of one partition: congestion alerts, incident alerts, what was learned."""

    boards: Mapping[NetworkId, AlertBoard]
    incidents: Mapping[NetworkId, AlertBoard]
    learned: Mapping[NetworkId, Learned]
