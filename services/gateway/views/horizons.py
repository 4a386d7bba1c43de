"""Which horizon of a forecast is meant. Pure."""

from shared.events.records import HorizonForecast, TrafficPrediction

DEFAULT_HORIZON_MINUTES = 15


def default_horizon(prediction: TrafficPrediction) -> int:
    """The horizon nearest to 15 minutes, the shorter of two: windows of 1, 10 or 60 minutes have none of 15."""
    every = (horizon.horizon_minutes for horizon in prediction.horizons)
    return min(every, key=lambda minutes: (abs(minutes - DEFAULT_HORIZON_MINUTES), minutes))


def is_asked(horizon: HorizonForecast, prediction: TrafficPrediction, minutes: int | None) -> bool:
    """Whether a horizon is the one asked for; `None` asks for every one, 15 for the one nearest to it."""
    if minutes is None or horizon.horizon_minutes == minutes:
        return True
    return minutes == DEFAULT_HORIZON_MINUTES and horizon.horizon_minutes == default_horizon(prediction)
