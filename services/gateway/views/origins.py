"""The predictions of one network by forecast origin, within a bounded number. Pure."""

from bisect import insort
from dataclasses import dataclass, field
from datetime import datetime

from shared.events.records import SensorId, TrafficPrediction


@dataclass(slots=True)
class Origins:
    """Predictions by origin, then by sensor, then by model (in name order), each in its highest revision.

    At most `max_origins` origins and, as long as more than one origin is there, at most `max_predictions` predictions:
    beyond, those that were only compared go first, from the oldest origin on, then whole origins.
    """

    max_origins: int
    max_predictions: int
    times: list[datetime] = field(default_factory=list)
    at: dict[datetime, dict[SensorId, dict[str, TrafficPrediction]]] = field(default_factory=dict)
    count: int = 0
    dropped: list[TrafficPrediction] = field(default_factory=list)
    _from: datetime | None = None
    _compared_from: datetime | None = None

    def place(self, prediction: TrafficPrediction) -> bool:
        """Take one prediction in; returns whether it changed anything. What had to go for it is in `dropped`."""
        time = prediction.timestamp
        floor = self._from if prediction.serving else self._compared_from or self._from
        if floor is not None and time < floor:
            return False
        if time not in self.at:
            if len(self.times) >= self.max_origins:
                if time < self.times[0]:
                    return False
                self._drop_oldest()
            insort(self.times, time)
            self.at[time] = {}
        models = self.at[time].setdefault(prediction.sensor_id, {})
        present = models.get(prediction.model_name)
        if present is not None and present.revision >= prediction.revision:
            return False
        models[prediction.model_name] = prediction
        if present is not None:
            self.dropped.append(present)
        else:
            self.count += 1
            if len(models) > 1:
                self.at[time][prediction.sensor_id] = dict(sorted(models.items()))
            self._shed()
        return self.at.get(time, {}).get(prediction.sensor_id, {}).get(prediction.model_name) is prediction

    def served(self, time: datetime, sensor_id: SensorId) -> TrafficPrediction | None:
        """The network's answer for a sensor at an origin; of two, from before and after a promotion, the later one."""
        models = self.at[time].get(sensor_id, {})
        return max((one for one in models.values() if one.serving), key=lambda one: one.revision, default=None)

    def _shed(self) -> None:
        while self.count > self.max_predictions and len(self.times) > 1:
            compared = self.times[0] if self._compared_from is None else self._compared_from
            place = next((place for place, time in enumerate(self.times) if time >= compared), len(self.times))
            if place < len(self.times) - 1:
                self._compared_from = self.times[place + 1]
                self._drop_compared(self.times[place])
            else:
                self._from = self.times[1]
                self._drop_oldest()

    def _drop_compared(self, time: datetime) -> None:
        step = self.at[time]
        for sensor_id, models in step.items():
            kept = {name: one for name, one in models.items() if one.serving}
            if len(kept) < len(models):
                self.dropped += [one for one in models.values() if not one.serving]
                self.count -= len(models) - len(kept)
                step[sensor_id] = kept

    def _drop_oldest(self) -> None:
        for models in self.at.pop(self.times.pop(0)).values():
            self.dropped += models.values()
            self.count -= len(models)
