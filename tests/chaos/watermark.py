"""The time of a network by its sensors' clocks, written a second time and naively: what ingest is compared with."""

from collections.abc import Iterable
from math import inf

HOUR_MS = 3_600_000


class NaiveTime:
    """The upper median of the newest timestamps of whoever spoke in this round or in the last (docs/architecture.md).

    Args:
        expected: the sensors that the first round begins with.
        round_readings: after how many readings a round ends at the latest, where 8 of each sensor are fewer; of a
            sensor those count that are the first in an interval of its own time.
        interval_ms: how often sensors send, milliseconds.
    """

    def __init__(self, expected: Iterable[str] = (), round_readings: int = 1_024, interval_ms: int = 300_000) -> None:
        self._interval_ms = interval_ms
        self._last = dict.fromkeys(expected, -inf)
        self._this: list[tuple[str, float]] = []
        self._round_readings = round_readings
        self.watermark_ms = -inf

    def take(self, sensor_id: str, stamp_ms: float) -> float:
        """The watermark after a reading of `stamp_ms`, milliseconds since 1970."""
        self._this.append((sensor_id, stamp_ms))
        newest = dict(self._this)
        live = sorted({**self._last, **newest}.values())
        if self._last.keys() <= newest.keys() or self._counting() >= max(self._round_readings, 8 * len(live)):
            self._last, self._this = newest, []
            live = sorted(newest.values())
        of_two = len(live) == 2 and (live[0] == -inf or live[1] - live[0] <= HOUR_MS)
        self.watermark_ms = max(self.watermark_ms, live[0] if of_two else live[len(live) // 2])
        return self.watermark_ms

    def _counting(self) -> int:
        reached: dict[str, float] = {}
        counting = 0
        for sensor_id, stamp_ms in self._this:
            window = stamp_ms // self._interval_ms
            if window > reached.get(sensor_id, -inf):
                reached[sensor_id] = window
                counting += 1
        return counting
