"""What can be set about the predictor, from variables `METRLA_PREDICTOR_…`."""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.forecasting.forecasting import LEAST_OBSERVED
from shared.forecasting.inputs.history import LAGS


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
    scoring_hours: float = Field(
        default=24.0,
        gt=0,
        le=24 * 31,
        description="Event time that rolling errors, coverage and drift are taken over.",
    )
    promotion: Literal["manual", "automatic"] = Field(
        default="manual",
        description="Whether a challenger that does better becomes champion by itself, or only by `metrla models`.",
    )
    promotion_hours: float = Field(
        default=24.0 * 7,
        gt=0,
        le=24 * 31,
        description="Event time over which a challenger must do better, and for which nobody is promoted after that.",
    )
    promotion_margin: float = Field(
        default=0.02,
        gt=0,
        lt=1,
        description="Part by which its mean absolute error must be lower, 15, 30 and 60 minutes ahead.",
    )
    model_poll_seconds: float = Field(
        default=10.0, gt=0, description="How often the archive is asked for newer models."
    )
