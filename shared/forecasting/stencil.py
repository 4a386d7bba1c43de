"""Forecasts as the messages of the predictions topic, those of a whole network at once. Pure.

All messages of one model have the same bytes but for the sensor's id and the numbers, which Avro writes as 8 bytes each
wherever they are. So the codec writes one of them, and arrays lay the numbers of all sensors over copies of it. That
every message is what the codec would have written is proven by a test.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from typing import Any

import numpy as np
from fastavro import schemaless_writer

from shared.events.avro import codec
from shared.events.records import SensorId, TrafficPrediction
from shared.forecasting.forecasting import BASES, ModelForecast
from shared.forecasting.inputs.history import HORIZONS
from shared.forecasting.predictions import PublishedForecast, StepHorizons
from shared.traffic.arrays import Floats, Integers
from shared.traffic.network import Network
from shared.traffic.steps import Step

BLANK, MARK = 0.0, float.fromhex("0x1.1010101010101p-1007")
"""Numbers of eight bytes 0 and of eight bytes 1: where two messages differ by them, there are numbers."""
NUMBER = np.dtype("<f8")


@dataclass(frozen=True, slots=True, eq=False)
class _Stencil:
    """A message without sensor and numbers: what comes before the sensor's id, and what after, a gap a number."""

    front: bytes
    back: bytes
    gaps: Sequence[int]

    @classmethod
    def of(cls, alike: Callable[[float], TrafficPrediction]) -> "_Stencil":
        """From what makes predictions with one number in all places, for the empty sensor id."""
        encode, blank = codec(TrafficPrediction).encode, alike(BLANK)
        written, named = encode(blank), encode(replace(blank, sensor_id=SensorId("x")))
        front = next(place for place, (one, two) in enumerate(zip(written, named, strict=False)) if one != two)
        back, marked = (np.frombuffer(each[front + 1 :], dtype=np.uint8) for each in (written, encode(alike(MARK))))
        return cls(written[:front], back.tobytes(), np.flatnonzero(back != marked)[:: NUMBER.itemsize].tolist())

    def fill(self, names: Sequence[bytes], numbers: Floats) -> Iterator[bytes]:
        """The messages of n sensors, whose `names` are written already and whose `numbers` are (gaps, n)."""
        width = len(self.back)
        fields = [f"{place}" for place in range(len(self.gaps))]
        layout: Any = {"names": fields, "formats": [NUMBER] * len(fields), "offsets": self.gaps, "itemsize": width}
        messages = np.frombuffer(bytearray(self.back * len(names)), dtype=layout)
        for one, values in zip(fields, numbers, strict=True):
            messages[one] = values
        filled = messages.tobytes()
        return (self.front + name + filled[at * width : (at + 1) * width] for at, name in enumerate(names))


@dataclass(eq=False)
class PredictionMessages:
    """Writes what is forecast for one network."""

    network: Network
    _keys: Sequence[bytes] = field(init=False)
    _names: Sequence[bytes] = field(init=False)

    def __post_init__(self) -> None:
        """Write the ids of the sensors, once."""
        ids = [sensor.sensor_id for sensor in self.network.sensors]
        self._keys, self._names = [each.encode() for each in ids], [_avro_string(each) for each in ids]

    def of(self, step: Step, forecasts: Sequence[ModelForecast]) -> list[tuple[bytes, bytes]]:
        """Keys and contents of the messages of `records_of`; of one model, sensors that are alike come together."""
        return [message for forecast in forecasts for message in self._of_model(step, forecast)]

    def _of_model(self, step: Step, forecast: ModelForecast) -> Iterator[tuple[bytes, bytes]]:
        published = PublishedForecast.of(step, forecast)
        chance_known = ~np.isnan(published.congested).any(axis=1)
        kinds = np.stack([published.basis, published.serving, ~np.isnan(published.current_mph), chance_known])
        for kind in np.unique(kinds, axis=1).T:
            mine = np.flatnonzero((kinds == kind[:, None]).all(axis=0))
            alike = partial(self._alike, step, forecast, kind)
            # As a record has them: the speed, if there is one, then one horizon after the other.
            *_, speed_known, told = kind.tolist()
            chance = [published.congested[None, mine]] if told else []
            numbers = np.concatenate([published.values[:, mine], *chance]).transpose(2, 0, 1).reshape(-1, len(mine))
            numbers = np.concatenate([published.current_mph[None, mine], numbers]) if speed_known else numbers
            rows = published.rows[mine].tolist()
            contents = _Stencil.of(alike).fill([self._names[row] for row in rows], numbers)
            yield from zip([self._keys[row] for row in rows], contents, strict=True)

    def _alike(self, step: Step, forecast: ModelForecast, kind: Integers, number: float) -> TrafficPrediction:
        common = StepHorizons.of(step)
        basis, serving, speed_known, chance_known = kind.tolist()
        columns: list[Sequence[float | None]] = [
            *([number] * HORIZONS for _ in range(4)),
            [number if chance_known else None] * HORIZONS,
        ]
        return TrafficPrediction(
            self.network.network_id,
            SensorId(""),
            step.window_end,
            forecast.name,
            forecast.version,
            common.revision,
            number if speed_known else None,
            common.horizons(*columns),
            bool(serving),
            BASES[basis],
        )


def _avro_string(text: str) -> bytes:
    written = BytesIO()
    schemaless_writer(written, "string", text)
    return written.getvalue()
