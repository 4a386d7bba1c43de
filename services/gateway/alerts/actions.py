"""Takes operators' actions in over the API and puts them on the log, each once."""

import asyncio
from collections import OrderedDict
from typing import Annotated, Self

from aiokafka import AIOKafkaProducer
from pydantic import BaseModel, ConfigDict, Field, model_validator

from services.gateway.log.writer import LogWriter, until_seen
from services.gateway.views.traffic import TrafficView
from shared.alerts.actions.rule import is_full
from shared.alerts.advisories.documents.importing import whole_ms
from shared.events.avro import encode
from shared.events.errors import MetrlaError
from shared.events.limits import COMMENT, OPERATOR
from shared.events.records import AlertAction, AlertActionKind, AlertId, TrafficAlert
from shared.events.text import IdText
from shared.events.topics import ALERT_ACTIONS
from shared.kafka.producer import Message, send_all
from shared.runtime.clock import Clock

REMEMBERED = 1000
"""Actions that may be on their way to the alert detector and back."""


class NewAction(BaseModel):
    """An operator's action on an alert."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    kind: AlertActionKind = Field(description="acknowledge (it was seen), comment or close (it is over).")
    operator: Annotated[str, OPERATOR] = Field(description="Who does it.")
    text: Annotated[str, COMMENT] = Field(default="", description="Comment or reason; required for a comment.")
    action_id: IdText | None = Field(
        default=None,
        description="Your own id for the action; sent again, it is the same action. Same as Idempotency-Key.",
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.kind is AlertActionKind.COMMENT and not self.text:
            raise ValueError("text: a comment needs one")
        return self


class RefusedActionError(MetrlaError):
    """The alert in its current state does not accept the action."""


class OtherActionError(MetrlaError):
    """The id belongs to another action."""


class ActionWriter:
    """Publishes actions. Those of an id that is known are not published again."""

    def __init__(self, log_writer: LogWriter, view: TrafficView, clock: Clock) -> None:
        self._log = log_writer
        self._view = view
        self._clock = clock
        self._turn = asyncio.Lock()
        self._sent: OrderedDict[tuple[AlertId, str], AlertAction] = OrderedDict()

    async def take(self, alert: TrafficAlert, new: NewAction, action_id: str) -> tuple[AlertAction, bool]:
        """Publish an action unless it is published; returns it, and whether it is new.

        Raises:
            RefusedActionError: the alert is cleared and cannot be closed, or has too many actions.
            OtherActionError: the id belongs to an action that says something else.
            UnpublishedError: the log does not take it.
        """
        async with self._turn:
            known = self._known(alert, action_id)
            if known is not None:
                if (known.kind, known.operator, known.text) != (new.kind, new.operator, new.text):
                    raise OtherActionError(f"{action_id} is the id of another action on this alert")
                return known, False
            _require_taken(alert, new.kind)
            action = AlertAction(
                action_id=action_id,
                alert_id=alert.alert_id,
                network_id=alert.network_id,
                kind=new.kind,
                at=whole_ms(self._clock()),
                operator=new.operator,
                text=new.text,
            )
            await self._publish(action)
            self._sent[alert.alert_id, action_id] = action
            if len(self._sent) > REMEMBERED:
                self._sent.popitem(last=False)
            return action, True

    async def seen(self, action: AlertAction) -> bool:
        """Wait until the alert has it, not for long; returns whether it has."""
        return await until_seen(lambda: self._has(action))

    def _known(self, alert: TrafficAlert, action_id: str) -> AlertAction | None:
        there = (action for action in alert.actions if action.action_id == action_id)
        return next(there, None) or self._sent.get((alert.alert_id, action_id))

    def _has(self, action: AlertAction) -> bool:
        alert = self._view.alerts.get(action.alert_id)
        return alert is not None and any(known.action_id == action.action_id for known in alert.actions)

    async def _publish(self, action: AlertAction) -> None:
        message = Message(ALERT_ACTIONS.name, action.alert_id.encode(), encode(action))

        async def send(producer: AIOKafkaProducer) -> None:
            await send_all(producer, [message])

        await self._log.send("actions", send)


def _require_taken(alert: TrafficAlert, kind: AlertActionKind) -> None:
    if kind is AlertActionKind.CLOSE:
        if not alert.active:
            raise RefusedActionError(f"Alert {alert.alert_id} is cleared already.")
    elif is_full(alert):
        raise RefusedActionError(f"Alert {alert.alert_id} has {len(alert.actions)} actions, it takes no more.")
