"""What a WebSocket client may say, and what it is answered. Pure.

{"type": "ping"}                                       -> {"type": "pong"}
{"type": "subscribe", "channels": ["predictions"], "sensor_ids": [...], "horizon_minutes": 15,
 "model": "xgboost"}
                                                       -> {"type": "subscribed", …}, then a snapshot of what changed
{"type": "authenticate", "token": "mk_…"}              -> {"type": "authenticated"}
{"type": "authenticate", "ticket": "mt_…"}             -> {"type": "authenticated"}
anything else                                          -> {"type": "error", "detail": …, "errors": […]}
"""

from collections.abc import Iterable, Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, model_validator
from pydantic_core import PydanticCustomError, to_json

from services.gateway.access.tickets import MAX_TICKET_CHARACTERS
from services.gateway.live.channels import Channel, Selection
from services.gateway.suggestions import unknown
from services.gateway.views.horizons import DEFAULT_HORIZON_MINUTES
from shared.events.records import SensorId
from shared.events.strict_json import read_strict
from shared.events.text import IdText, cut

MAX_HORIZON_MINUTES = 1440
MAX_SENSORS = 10_000
SHOWN_BYTES, SHOWN_FAULTS = 300, 20
MAX_TOKEN_LENGTH = 8192

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


class Authenticate(BaseModel):
    """Says who the client is, where its handshake could not: browsers set no headers there."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    type: Literal["authenticate"]
    token: Annotated[SecretStr, Field(min_length=1, max_length=MAX_TOKEN_LENGTH)] | None = None
    ticket: Annotated[SecretStr, Field(min_length=1, max_length=MAX_TICKET_CHARACTERS)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.token is None) == (self.ticket is None):
            raise ValueError("a token or a ticket is needed")
        return self


ClientMessage = Annotated[Ping | Subscribe | Authenticate, Field(discriminator="type")]
_CLIENT_MESSAGE: TypeAdapter[Ping | Subscribe | Authenticate] = TypeAdapter(ClientMessage)

_FIELDS = {
    "ping": tuple(Ping.model_fields),
    "subscribe": tuple(Subscribe.model_fields),
    "authenticate": tuple(Authenticate.model_fields),
}
PONG = '{"type":"pong"}'
AUTHENTICATED = '{"type":"authenticated"}'


def parse(text: str | bytes) -> Ping | Subscribe | Authenticate:
    """The message of a client; raises `ValidationError` where it is none."""
    try:
        read_strict(text)
    except (ValueError, RecursionError) as damaged:
        fault = PydanticCustomError("json_invalid", "{why}", {"why": f"no JSON: {cut(str(damaged), SHOWN_BYTES)}"})
        raise ValidationError.from_exception_data("message", [{"type": fault, "loc": (), "input": None}]) from damaged
    return _CLIENT_MESSAGE.validate_json(text)


def subscribed(message: Subscribe, strangers: Iterable[str] = ()) -> str:
    """The answer to a subscription: what holds now; `strangers` are its sensors that there are not."""
    told = {**message.model_dump(), "type": "subscribed"}
    unknown_ids = sorted(strangers)
    return to_json({**told, "unknown_sensor_ids": unknown_ids} if unknown_ids else told).decode()


def error(invalid: ValidationError) -> str:
    """The answer to what is no message."""
    return _refusal(
        # Both may repeat what the client sent.
        {
            "name": cut(".".join(map(str, fault["loc"])), SHOWN_BYTES) or "message",
            "detail": cut(_detail(fault["type"], fault["loc"], fault["msg"]), SHOWN_BYTES),
        }
        for fault in invalid.errors(include_url=False, include_context=False, include_input=False)[:SHOWN_FAULTS]
    )


def _detail(kind: str, place: tuple[int | str, ...], told: str) -> str:
    fields = _FIELDS.get(str(place[0])) if place else None
    return unknown("field", str(place[-1]), fields) if kind == "extra_forbidden" and fields else told


def unknown_sensors(faults: Iterable[str]) -> str:
    """The answer to a subscription to sensors none of which exists, each with what may have been meant."""
    return _refusal({"name": "subscribe.sensor_ids", "detail": fault} for fault in faults)


def unknown_horizon(fault: str) -> str:
    """The answer to a subscription to a horizon that there is not; `fault` says which there are."""
    return _refusal([{"name": "subscribe.horizon_minutes", "detail": fault}])


def refused(detail: str) -> str:
    """The last message before the gateway closes: why."""
    return to_json({"type": "error", "detail": detail, "errors": []}).decode()


def unknown_model(names: Iterable[str]) -> str:
    """The answer to a subscription to a model that there is not; `names` are those that there are."""
    return _refusal([{"name": "subscribe.model", "detail": no_such_model(names)}])


def no_such_model(names: Iterable[str]) -> str:
    """What is wrong with the name of a model; `names` are those that there are."""
    return f"there is no such model, only {', '.join(names)}"


def _refusal(faults: Iterable[Mapping[str, str]]) -> str:
    refusal = {"type": "error", "detail": "The message is not valid.", "errors": list(faults)}
    return to_json(refusal).decode()
