"""What can be set about the predictor, from variables `METRLA_PREDICTOR_…`."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.predictor.forecasting import LEAST_OBSERVED
from services.predictor.inputs.history import LAGS


class PredictorSettings(BaseSettings):
    """Patience and model choice of the predictor."""

    model_config = SettingsConfigDict(env_prefix="METRLA_PREDICTOR_", frozen=True, env_ignore_empty=True)

    group: str = Field(default="metrla-predictor", min_length=1, description="Kafka consumer group.")
    settle_seconds: float = Field(
        default=2.0,
        gt=0,
        description="Wall time without a further window after which an incomplete or corrected step is forecast.",
    )
    correctable_windows: int = Field(
        default=12,
        ge=1,
        le=288,
        description="How many windows behind the newest a late or revised one still makes new forecasts.",
    )
    least_observed: int = Field(
        default=LEAST_OBSERVED,
        ge=1,
        le=LAGS,
        description="A sensor with usable speeds in fewer of its last twelve windows has a forecast marked as imputed.",
    )
    challengers: bool = Field(
        default=True,
        description="Whether other models than the champion forecast as well, to be compared; never while behind.",
    )
    model_poll_seconds: float = Field(
        default=10.0, gt=0, description="How often the archive is asked for newer models."
    )
