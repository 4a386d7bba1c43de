"""What every client is told in fixed intervals: that the gateway is there, and how old its data is. Pure.

{"type": "heartbeat", "data": [one row a network], "timestamp": newest event time, "interval_s": until the next one}

Who hears none for three intervals has lost the gateway, whatever the connection looks like.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

from pydantic import Field

from services.gateway.responses import Answer, DataAge
from services.gateway.views.ages import NetworkAges


class Heartbeat(Answer):
    """How old the data of every network is."""

    type: Literal["heartbeat"] = "heartbeat"
    data: tuple[DataAge, ...] = Field(description="One row a network.")
    timestamp: datetime | None = Field(description="Newest event time, UTC; null before the first record.")
    interval_s: float = Field(gt=0, description="Time until the next heartbeat, seconds.")


def heartbeat(networks: Iterable[NetworkAges], event_time: datetime | None, interval_s: float) -> str:
    """The text of one heartbeat."""
    rows = tuple(map(DataAge.of, networks))
    return Heartbeat(data=rows, timestamp=event_time, interval_s=interval_s).model_dump_json()
