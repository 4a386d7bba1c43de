"""What is learned of a network as records of a compacted topic, and back. Pure.

Per step two records: `<network>/now`, all that a step changes and with it the one row of usual speeds that it learned
into; and `<network>/<place>`, that row. `now` goes first: whenever the writing is cut off, `now` and the rows as of its
step or before give the whole state. Values are safetensors, which hold no code.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save

from shared.alerts.detection.budget import Spending
from shared.alerts.learned.learner import Learner
from shared.alerts.learned.state import Learned, arrays_of, of_arrays
from shared.alerts.lifecycle.changes import StateRecord
from shared.events.errors import MetrlaError
from shared.events.quantities import EPOCH, LATEST, instant_of
from shared.events.records import NetworkId
from shared.events.tensors import read_tensors
from shared.traffic.calendar import DAY_TYPES
from shared.traffic.usual.running import RunningRow, RunningUsual

VERSION = "1"
NOW = "now"
BEFORE = EPOCH
"""The step of rows that no step has taught."""
ADDED = frozenset(
    {
        *("doubt", "doubted_since", "health_apart", "health_top_mph", "peak", "quiet"),
        *(f"health_repeats_{where}" for where in ("slow", "free", "light", "top")),
    }
)
"""What an earlier release did not write: it begins anew."""
ROW_VALUE, ROW_SEEN, ROW_SPREAD = "row_value", "row_seen", "row_spread"
SPENT = ("alarms", "sensor_days", "raised", "correction")
"""What of the spending is of the whole network, and so goes beside the arrays of sensors."""


class UnreadableStateError(MetrlaError):
    """A record of what was learned is damaged, or was written in another form."""


class OtherVersionError(UnreadableStateError):
    """A state that another release wrote: nothing is wrong with it."""


def records_of(learner: Learner, learned: Learned) -> tuple[StateRecord, ...]:
    """What keeps the state after its newest step, in the order in which it has to be written."""
    if learned.step is None or learned.place is None or learned.row is None:
        return ()
    spent = {name: np.asarray(getattr(learned.spending, name)).tolist() for name in SPENT}
    about = _about(learner, learned.step, learned.place) | {"spending": json.dumps(spent)}
    key = f"{learner.network.network_id}/{NOW}".encode()
    now = StateRecord(key, save({**_plain(arrays_of(learned)), **_arrays(learned.row)}, about))
    return now, _row(learner, learned.step, learned.place, learned.row)


def beginning_of(learner: Learner, learned: Learned) -> tuple[StateRecord, ...]:
    """What keeps usual speeds that no step has taught, to be written before the first step."""
    rows = enumerate(learned.usual.rows)
    return tuple(_row(learner, BEFORE, place, row) for place, row in rows if row is not None)


def network_of(key: bytes) -> NetworkId:
    """The network that a record is about."""
    return NetworkId(key.decode(errors="replace").rpartition("/")[0])


@dataclass(eq=False)
class LearnedRecords:
    """Puts the records of one network together, oldest first, to the state that they keep."""

    learner: Learner
    _now: tuple[Mapping[str, str], Mapping[str, NDArray[Any]]] | None = None
    _rows: dict[int, tuple[Mapping[str, str], Mapping[str, NDArray[Any]]]] = field(default_factory=dict)

    def put(self, value: bytes, latest: datetime = LATEST) -> None:
        """Take one record in, unless one of a later step is there: an instance that was replaced may write late.

        Args:
            value: of the record.
            latest: the latest step that can be: a state from the future would keep every true one out.

        Raises:
            UnreadableStateError: it is damaged, of another version or from the future; it is left out.
        """
        about, arrays = _read(value)
        place = int(about["place"])
        if _step(about) > latest:
            raise UnreadableStateError(f"step {about['step']} is after {latest.isoformat()}")
        if place >= DAY_TYPES * self.learner.per_day:
            raise UnreadableStateError(f"place {place} is not among those of the day")
        if "late" in arrays:
            self._require_whole(arrays)
            _spending(about, 0)
        known = self._now if "late" in arrays else self._rows.get(place)
        if known is not None and _step(known[0]) > _step(about):
            return
        if "late" in arrays:
            self._now = about, arrays
        else:
            self._rows[place] = about, arrays

    def state(self) -> Learned | None:
        """The state, as far as the sensors are the same; `None` where there is none or it does not fit this network."""
        if self._now is None:
            return None
        about, arrays = self._now
        step, place = _step(about), int(about["place"])
        usual = RunningUsual.unknown(self.learner.per_day)
        known = {at: self._row(*row) for at, row in self._rows.items() if _step(row[0]) <= step}
        known[place] = self._row(about, arrays)
        if not all(0 <= at < len(usual.rows) for at in known):
            return None
        usual = RunningUsual(tuple(known.get(at) for at in range(len(usual.rows))))
        fresh = arrays_of(self.learner.nothing())
        places = self._places(about)
        fitted = {}
        for name, start in fresh.items():
            # What an earlier version did not write yet begins anew.
            kept = arrays[name].astype(start.dtype) if name in arrays else start[:0]
            fitted[name] = np.where(places < 0, start, kept[places]) if len(kept) else start
        return of_arrays(step, place, usual, fitted, _spending(about, len(places)))

    def _require_whole(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        fresh = arrays_of(self.learner.nothing())
        missing = fresh.keys() - arrays.keys() - ADDED
        if missing:
            raise UnreadableStateError(f"without {', '.join(sorted(missing))}")
        told = {name: start for name, start in fresh.items() if name in arrays}
        odd = [name for name, start in told.items() if np.isnan(arrays[name]).any() and not np.isnan(start).any()]
        if odd:
            raise UnreadableStateError(f"{', '.join(odd)}: not a number")

    def _row(self, about: Mapping[str, str], arrays: Mapping[str, NDArray[Any]]) -> RunningRow:
        places = self._places(about)
        value = np.where(places < 0, np.float32(np.nan), arrays[ROW_VALUE][places])
        seen = np.where(places < 0, np.float32(0), arrays[ROW_SEEN][places])
        if ROW_SPREAD not in arrays:
            return RunningRow(value[None, :], seen[None, :])
        spread = np.where(places < 0, np.float32(np.nan), arrays[ROW_SPREAD][places])
        return RunningRow(value[None, :], seen[None, :], spread[None, :])

    def _places(self, about: Mapping[str, str]) -> NDArray[np.intp]:
        """The place of each sensor of the network in a record, -1: none."""
        index = {sensor_id: at for at, sensor_id in enumerate(json.loads(about["sensors"]))}
        return np.array([index.get(sensor.sensor_id, -1) for sensor in self.learner.road.sensors], dtype=np.intp)


def _read(value: bytes) -> tuple[Mapping[str, str], Mapping[str, NDArray[Any]]]:
    try:
        about, arrays = read_tensors(value)
        if about["version"] != VERSION:
            raise OtherVersionError(f"version {about['version']}, not {VERSION}")
        _step(about)
        sensors = json.loads(about["sensors"])
        if not isinstance(sensors, list) or not sensors or not all(isinstance(one, str) for one in sensors):
            raise UnreadableStateError("sensors that are no list of ids")
        if int(about["place"]) < 0 or any(array.shape != (len(sensors),) for array in arrays.values()):
            raise UnreadableStateError("arrays of another shape")
        missing = {ROW_VALUE, ROW_SEEN} - arrays.keys()
        if any(np.isinf(array).any() for array in arrays.values()) or np.isnan(arrays.get(ROW_SEEN, 0.0)).any():
            raise UnreadableStateError("infinite numbers")
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as damaged:
        raise UnreadableStateError(repr(damaged)) from damaged
    if missing:
        raise UnreadableStateError(f"without {', '.join(sorted(missing))}")
    return about, arrays


def _spending(about: Mapping[str, str], sensors: int) -> Spending:
    """What was spent by the whole network; nothing where an earlier release wrote."""
    nothing = Spending.nothing(sensors)
    if "spending" not in about:
        return nothing
    try:
        told = json.loads(about["spending"])
        spent = {name: np.array(told[name], dtype=np.float64) for name in SPENT}
    except (KeyError, ValueError, TypeError, OverflowError, RecursionError) as damaged:
        raise UnreadableStateError(f"spending: {damaged!r}") from damaged
    shapes = {name: np.shape(getattr(nothing, name)) for name in SPENT}
    if any(spent[name].shape != shape or not np.isfinite(spent[name]).all() for name, shape in shapes.items()):
        raise UnreadableStateError("spending of another shape")
    if any((spent[name] < 0).any() for name in ("alarms", "sensor_days", "raised")):
        raise UnreadableStateError("spending below nothing")
    return replace(
        nothing,
        alarms=spent["alarms"],
        sensor_days=float(spent["sensor_days"]),
        raised=spent["raised"],
        correction=spent["correction"],
    )


def _step(about: Mapping[str, str]) -> datetime:
    return instant_of(about["step"])


def _row(learner: Learner, step: datetime, place: int, row: RunningRow) -> StateRecord:
    key = f"{learner.network.network_id}/{place}".encode()
    return StateRecord(key, save(_arrays(row), _about(learner, step, place)))


def _about(learner: Learner, step: datetime, place: int) -> dict[str, str]:
    sensors = json.dumps([sensor.sensor_id for sensor in learner.road.sensors])
    return {"version": VERSION, "step": step.isoformat(), "place": str(place), "sensors": sensors}


def _arrays(row: RunningRow) -> dict[str, NDArray[Any]]:
    spread = {} if row.spread is None else {ROW_SPREAD: row.spread[0]}
    return _plain({ROW_VALUE: row.value[0], ROW_SEEN: row.seen[0], **spread})


def _plain(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    # safetensors writes the buffer behind an array as it lies.
    return {name: np.ascontiguousarray(array) for name, array in arrays.items()}
