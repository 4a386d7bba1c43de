"""`random_forest` and `xgboost`: trees on features that are the same for every sensor. Pure.

Fitted by `metrla.lab.forecasting.training.trees`; served as ONNX. Neither knows a sensor by name, so both forecast for
sensors that their training did not have, too.
"""

from dataclasses import dataclass

import numpy as np

from shared.archive.layout import ONNX_FILE
from shared.events.errors import ModelError
from shared.forecasting.inputs.history import HORIZONS, Batch, base_mph, view_of
from shared.forecasting.models.artefact import Opened
from shared.forecasting.models.onnx import OnnxModel
from shared.forecasting.models.tabular import COUNT, NAMES, Tabular
from shared.traffic.arrays import Floats
from shared.traffic.calendar import DAY_TYPES, DAYS_IN_WEEK, HALF_HOURS
from shared.traffic.usual.deviations import UsualDeviations

INPUT = "features"
CEILING, BY_DAY_TYPE, BY_DAY = "ceiling_mph", "habits_by_day_type", "habits_by_day"


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Trees that tell how far each of the next windows will be from the last speed that is known of a sensor.

    `profile_mph` is (slots of both day types, N), without NaN; `ceiling_mph` is the highest speed of the training.
    """

    name: str
    version: str
    profile_mph: Floats
    ceiling_mph: float
    deviations: UsualDeviations
    tabular: Tabular
    model: OnnxModel

    def predict(self, batch: Batch) -> Floats:
        """Last speed plus what the trees add: (B, N, HORIZONS)."""
        view = view_of(batch, self.profile_mph)
        rows = self.tabular.features(view, self.tabular.deviations(self.deviations, view))
        (change,) = self.model(**{INPUT: rows.reshape(-1, COUNT)})
        forecast: Floats = base_mph(view)[:, :, None] + change.reshape(*rows.shape[:2], HORIZONS)
        return forecast.clip(0.0, self.ceiling_mph)

    @classmethod
    def of_artefact(cls, opened: Opened) -> "Trees":
        """From the artefact; raises `ModelError` where it does not fit this release."""
        if ONNX_FILE not in opened.files:
            raise ModelError(f"{opened}: {ONNX_FILE} is missing")
        if (features := opened.card.settings.get("features")) != list(NAMES):
            raise ModelError(f"{opened}: made for other features than this release has: {features}")
        model = OnnxModel.open(opened.files[ONNX_FILE])
        if {name: shape[-1] for name, shape in model.inputs.items()} != {INPUT: COUNT}:
            raise ModelError(f"{opened}: its trees take {dict(model.inputs)}, this release has {COUNT} {INPUT}")
        sensors = len(opened.sensors)
        return cls(
            name=opened.model_name,
            version=opened.version,
            profile_mph=opened.profile_mph,
            ceiling_mph=float(opened.tensor(CEILING, 1)[0]),
            deviations=UsualDeviations(
                opened.by_sensor(BY_DAY_TYPE, DAY_TYPES * HALF_HOURS, 2, sensors, axis=2).astype(np.float32),
                opened.by_sensor(BY_DAY, DAYS_IN_WEEK * HALF_HOURS, sensors, axis=1).astype(np.float32),
            ),
            tabular=Tabular.of(opened.network, opened.profile_mph),
            model=model,
        )
