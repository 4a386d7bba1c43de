"""What the store keeps of models beside their forecasts: how good each was, and what it serves as. Pure.

These records are not on the log: they follow from windows and forecasts that are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.events.records import NetworkId

CONFIDENCE_BINS = 10
"""Bin k holds forecasts whose `confidence_score` lies in [k / 10, (k + 1) / 10); the last one 1.0 as well."""

SPEED_BIN_MPH = 5
SPEED_BINS = 17
"""Bin k holds speeds in [5 k, 5 k + 5) mph; the last one all from 80 mph."""


@dataclass(frozen=True, slots=True)
class HorizonScore:
    """How the forecasts of one model and horizon for one window compare with what happened, summed over sensors.

    `pairs` sensors had a forecast and a usable actual speed (present, not zero, not doubted). An error is predicted
    minus actual, so a positive `error_sum_mph` means forecasts that were too fast. `covered` actual speeds lay within
    their 90 % interval, `close` within 5 mph of the prediction; `confidence_sum` is what was promised for `close`.
    The `confidence_…` tuples say the same per bin of confidence (`CONFIDENCE_BINS`), so that calibration can be judged.
    `scaled_histogram` counts |error| divided by the reach of the interval on that side, before any online adaptation:
    `shared.forecasting.calibration.adaptive` says at which edges, and scales intervals by it.
    """

    horizon_minutes: int
    pairs: int
    absolute_error_sum_mph: float
    squared_error_sum_mph2: float
    error_sum_mph: float
    covered: int
    close: int
    confidence_sum: float
    confidence_pairs: tuple[int, ...] = ()
    confidence_close: tuple[int, ...] = ()
    confidence_sums: tuple[float, ...] = ()
    scaled_histogram: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class ModelScore:
    """The forecasts of one version of one model for the window that ends at `timestamp`, against that window.

    Identified by (network_id, model_name, model_version, timestamp). `revision` sums the revisions of the window and of
    the forecasts, so the highest is the one that knew most. `horizons` are those with at least one pair, shortest
    first. `speed_counts` (`SPEED_BINS`) says how fast the sensors were, `missing` how many had no usable speed: the
    distribution of the input at that time.
    """

    network_id: NetworkId
    model_name: str
    model_version: str
    timestamp: datetime
    revision: int
    speed_counts: tuple[int, ...]
    missing: int
    horizons: tuple[HorizonScore, ...]


class ModelRole(StrEnum):
    """What a version of a model serves as.

    CHAMPION: its forecasts are the network's answer. CHALLENGER: it runs and publishes beside it. MEMBER: only the
    ensemble uses it. REFUSED: it is damaged or does not fit. RETIRED: it served once, another version does now.
    """

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    MEMBER = "member"
    REFUSED = "refused"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class ServedModel:
    """One version of one model of a network, and its role since the instant `since` (wall time).

    Identified by (network_id, model_name, model_version); the latest `since` is its truth. `card` is the artefact's
    model card, without its sensors and its distribution of inputs; empty where it could not be read. `reason` says why
    a version was refused.
    """

    network_id: NetworkId
    model_name: str
    model_version: str
    role: ModelRole
    since: datetime
    card: Mapping[str, Any]
    reason: str | None = None
