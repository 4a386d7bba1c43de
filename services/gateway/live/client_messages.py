"""What a WebSocket client may say, and what it is answered. Pure.

{"type": "ping"}                                       -> {"type": "pong"}
{"type": "subscribe", "channels": ["predictions"], "sensor_ids": [...], "horizon_minutes": 15,
 "model": "xgboost"}
                                                       -> {"type": "subscribed", …}, then a snapshot of what changed
anything else                                          -> {"type": "error", "detail": …, "errors": […]}
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from services.gateway.live.channels import Channel, Selection
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from shared.events.records import SensorId
from shared.events.text import IdText, cut

MAX_HORIZON_MINUTES = 1440
MAX_SENSORS = 10_000
SHOWN_BYTES = 300

HorizonMinutes = Annotated[int, Field(ge=1, le=MAX_HORIZON_MINUTES)] | Literal["all"]


class Ping(BaseModel):
    """Asks for a pong."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["ping"]


class Subscribe(BaseModel):
    """Replaces the client's subscription; what is left out goes back to its default."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["subscribe"] = "subscribe"
    channels: Annotated[frozenset[Channel], Field(min_length=1)] = frozenset({Channel.PREDICTIONS})
    sensor_ids: Annotated[frozenset[IdText], Field(max_length=MAX_SENSORS)] | None = None
    horizon_minutes: HorizonMinutes = DEFAULT_HORIZON_MINUTES
    model: IdText | None = None

    def selections(self) -> Mapping[Channel, Selection]:
        """What it asks for, per channel."""
        sensors = None if self.sensor_ids is None else frozenset(map(SensorId, self.sensor_ids))
        horizon = None if self.horizon_minutes == "all" else self.horizon_minutes
        forecasts = Selection(sensors, horizon, self.model)
        return {
            channel: forecasts if channel is Channel.PREDICTIONS else Selection(sensors)
            for channel in Channel
            if channel in self.channels
        }


ClientMessage = Annotated[Ping | Subscribe, Field(discriminator="type")]
_CLIENT_MESSAGE: TypeAdapter[Ping | Subscribe] = TypeAdapter(ClientMessage)

PONG = '{"type":"pong"}'


def parse(text: str | bytes) -> Ping | Subscribe:
    """The message of a client; raises `ValidationError` where it is none."""
    return _CLIENT_MESSAGE.validate_json(text)


def subscribed(message: Subscribe) -> str:
    """The answer to a subscription: what holds now."""
    return to_json({**message.model_dump(), "type": "subscribed"}).decode()


def error(invalid: ValidationError) -> str:
    """The answer to what is no message."""
    return _refusal(
        # Both may repeat what the client sent.
        {
            "name": cut(".".join(map(str, fault["loc"])), SHOWN_BYTES) or "message",
            "detail": cut(fault["msg"], SHOWN_BYTES),
        }
        for fault in invalid.errors(include_url=False, include_context=False, include_input=False)
    )


def unknown_model(names: Iterable[str]) -> str:
    """The answer to a subscription to a model that there is not; `names` are those that there are."""
    return _refusal([{"name": "subscribe.model", "detail": no_such_model(names)}])


def no_such_model(names: Iterable[str]) -> str:
    """What is wrong with the name of a model; `names` are those that there are."""
    return f"there is no such model, only {', '.join(names)}"


def _refusal(faults: Iterable[Mapping[str, str]]) -> str:
    refusal = {"type": "error", "detail": "The message is not valid.", "errors": list(faults)}
    return to_json(refusal).decode()
