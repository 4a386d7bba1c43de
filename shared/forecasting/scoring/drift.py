"""Whether the stream is still like what the models were trained on. Pure.

Inputs: the population stability index (PSI; Siddiqi, 'Credit Risk Scorecards', 2006) between the speeds of the last day
and those of the training history at the same hours and types of day, so that a night, or a weekend, is compared with
nights, or weekends; and the share of missing speeds.

Error: the Page-Hinkley test (Page, Biometrika 41, 1954; as in Gama et al., 'A Survey on Concept Drift Adaptation', ACM
Computing Surveys 46, 2014) on the rolling MAE relative to the MAE of the validation part. As the series that is tested
is always that of the last rolling span, the result follows from scores alone, and is the same after a restart.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from shared.forecasting.models.card import ModelCard, TrainingInputs
from shared.forecasting.scoring.rolling import Errors
from shared.store.model_records import SPEED_BIN_MPH, SPEED_BINS
from shared.traffic.arrays import Floats, Integers
from shared.traffic.calendar import DAY_TYPES, HOURS, day_type_slots, hours_of, slots_per_day
from shared.traffic.network import Network

LEAST_READINGS = 500
"""With fewer, chance alone makes an index."""
LEAST_SHARE = 1e-4
"""Empty bins count as this share: the index is a logarithm of shares."""
DIGITS = 5


def describe_inputs(network: Network, start: datetime, speed_mph: Floats) -> TrainingInputs:
    """What a model card says of the history that a model was trained on.

    Args:
        network: of N sensors.
        start: of the first window (aware).
        speed_mph: (windows, N), NaN or zero where missing, without gaps in time.
    """
    hours = _hours(network, (start + row * network.window for row in range(len(speed_mph))))
    places = DAY_TYPES * HOURS
    usable = np.nan_to_num(speed_mph) > 0
    bins = np.minimum(np.nan_to_num(speed_mph) // SPEED_BIN_MPH, SPEED_BINS - 1).astype(np.intp)
    cells = (hours[:, None] * SPEED_BINS + bins)[usable]
    counts = np.bincount(cells, minlength=places * SPEED_BINS).reshape(places, SPEED_BINS).astype(np.float64)
    windows = np.bincount(hours, minlength=places) * speed_mph.shape[1]
    # An hour that the history does not have is taken for the whole.
    speeds = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, counts.sum(axis=0))
    present = np.where(windows > 0, counts.sum(axis=1), counts.sum()) / np.where(windows > 0, windows, windows.sum())
    return TrainingInputs(
        speed_bin_mph=SPEED_BIN_MPH,
        speed_share=(speeds / np.maximum(speeds.sum(axis=1, keepdims=True), 1)).round(DIGITS).tolist(),
        missing_share=(1 - present).round(DIGITS).tolist(),
    )


@dataclass(frozen=True, slots=True, eq=False)
class InputReference:
    """The training history: `speed_share` (types of day * 24 hours, SPEED_BINS), `missing_share` (types * 24,)."""

    network: Network
    speed_share: Floats
    missing_share: Floats

    @classmethod
    def of_card(cls, network: Network, card: ModelCard) -> "InputReference | None":
        """From a model card; `None` where it does not say, or says it in another form."""
        inputs = card.inputs
        if inputs is None or inputs.speed_bin_mph != SPEED_BIN_MPH:
            return None
        if [*map(len, inputs.speed_share)] != [SPEED_BINS] * DAY_TYPES * HOURS:
            return None
        if len(inputs.missing_share) != DAY_TYPES * HOURS:
            return None
        return cls(network, np.array(inputs.speed_share), np.array(inputs.missing_share))


@dataclass(frozen=True, slots=True)
class InputDrift:
    """How the inputs of some time differ from those of the training history."""

    stability_index: float
    missing_share: float
    missing_share_expected: float


def input_drift(reference: InputReference, inputs: Mapping[datetime, tuple[Floats, int]]) -> InputDrift | None:
    """Compare windows, by their ends: counts of speeds and of sensors without; `None` with few speeds."""
    network = reference.network
    counts = np.array([found for found, _ in inputs.values()]).reshape(-1, SPEED_BINS)
    missing = np.array([without for _, without in inputs.values()], dtype=np.float64)
    present = counts.sum(axis=1)
    if present.sum() < LEAST_READINGS:
        return None
    hours = _hours(network, (end - network.window for end in inputs))
    expected = (reference.speed_share[hours] * present[:, None]).sum(axis=0)
    total = present + missing
    return InputDrift(
        stability_index(expected, counts.sum(axis=0)),
        float(missing.sum() / total.sum()),
        float((reference.missing_share[hours] * total).sum() / total.sum()),
    )


def stability_index(expected: Floats, found: Floats) -> float:
    """The population stability index of two histograms."""
    before, now = (np.maximum(counts / counts.sum(), LEAST_SHARE) for counts in (expected, found))
    return float(np.sum((now - before) * np.log(now / before)))


def relative_errors(errors: Errors, horizon: int, validation_mae_mph: float, network: Network, span: int) -> Floats:
    """MAE over spans of `span` windows, relative to the validation part, for each window since the first: (T,).

    NaN where less than half of the span has scores. `horizon` is a place among `HORIZONS`.
    """
    if not errors.ends:
        return np.zeros(0)
    rows = [(end - errors.ends[0]) // network.window for end in errors.ends]
    pairs, absolute = np.zeros((2, rows[-1] + 1))
    pairs[rows], absolute[rows] = errors.pairs[:, horizon], errors.absolute_mph[:, horizon]
    enough = _running(np.asarray(pairs > 0, dtype=np.float64), span) >= span / 2
    sums, counts = _running(absolute, span), _running(pairs, span)
    found: Floats = np.divide(sums, counts, out=np.full(len(pairs), np.nan), where=enough) / validation_mae_mph
    return found


def validation_mae_mph(card: ModelCard, minutes: int) -> float | None:
    """The MAE at `minutes` ahead that a model card reports of the validation part."""
    found = card.results.get("validation", {}).get(minutes)
    return found.mae if found is not None and found.mae is not None and found.mae > 0 else None


def page_hinkley(values: Sequence[float] | Floats, expected: float, tolerance: float) -> float:
    """The statistic of the test after a series, for an increase: NaN values are passed over.

    It sums how far values exceed `expected` by more than `tolerance`, from where that sum was least.
    """
    excess = np.nan_to_num(np.asarray(values, dtype=np.float64) - expected - tolerance)
    sums = np.concatenate(([0.0], np.cumsum(excess)))
    return float(sums[-1] - sums.min())


def _hours(network: Network, window_starts: Iterable[datetime]) -> Integers:
    return hours_of(day_type_slots(network, window_starts), slots_per_day(network))


def _running(values: Floats, windows: int) -> Floats:
    sums = np.concatenate(([0.0], np.cumsum(values)))
    ends = np.arange(1, len(sums))
    running: Floats = sums[ends] - sums[np.maximum(ends - windows, 0)]
    return running
