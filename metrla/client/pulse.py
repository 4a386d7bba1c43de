"""Whether the gateway is heard, and what it said last of its data."""

import time
from datetime import UTC, datetime

from metrla.client.messages import HeartbeatMessage, Message
from metrla.client.traffic import DataAge

MISSED_BEATS = 3
FIRST_INTERVAL_S = 3.0
# For what has come already but was not taken yet, because whoever handles the messages was busy.
LEAST_WAIT_S = 0.5


class Pulse:
    """The heartbeats of one stream. A gateway that is silent for three of them is not heard."""

    def __init__(self) -> None:
        self._heard_s = time.monotonic()
        self._heard_at = datetime.now(UTC)
        self._last: HeartbeatMessage | None = None
        self._told: tuple[object, ...] | None = None
        self._is_silent = False

    @property
    def patience_s(self) -> float:
        """Silence after which the gateway is not heard, seconds."""
        return MISSED_BEATS * (FIRST_INTERVAL_S if self._last is None else self._last.interval_s)

    @property
    def silence_left_s(self) -> float | None:
        """Seconds to wait before the silence has to be told; `None` once it is."""
        if self._is_silent:
            return None
        return max(LEAST_WAIT_S, self._heard_s + self.patience_s - time.monotonic())

    def hear(self, message: Message | None) -> None:
        """Something came."""
        self._heard_s, self._heard_at = time.monotonic(), datetime.now(UTC)
        if isinstance(message, HeartbeatMessage):
            self._last = message

    def is_news(self, beat: HeartbeatMessage) -> bool:
        """Whether a heartbeat says something else than what was told last."""
        told = tuple(map(_gist, beat.data))
        news, self._told, self._is_silent = told != self._told, told, False
        return news

    def silent(self) -> HeartbeatMessage:
        """What to tell of a gateway that is not heard."""
        self._told, self._is_silent = None, True
        if self._last is None:
            return HeartbeatMessage(
                type="heartbeat", data=(), timestamp=None, interval_s=FIRST_INTERVAL_S, unheard_since=self._heard_at
            )
        return self._last.model_copy(update={"unheard_since": self._heard_at})


def _gist(row: DataAge) -> tuple[object, ...]:
    return row.network_id, row.state, row.stale
