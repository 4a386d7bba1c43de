"""What time it is in a network, by the clocks of its sensors: no one of them, and no minority, sets it. Pure.

The time is the upper median of the newest timestamps of the sensors that are *live*: fewer than half of them, fast or
slow by whatever they are, move it neither past every honest sensor nor behind all of them (a majority, as in Marzullo
and Owicki, 'Maintaining the time in a distributed system', PODC 1983). Two sensors have no majority: the lower one
counts, unless they are more than an hour apart, where the lower one lives on another day. A sensor alone in its
partition is the time itself; there is nobody whom it could harm.

Live is who spoke in this round or in the last. A round ends when everybody who spoke in the last one has spoken again,
so that a sensor that sends often has one voice; or after so many readings that whoever is missing is dead. Of a sensor
one counts for each interval of its own time, the one at which the network's sensors are said to send: neither a flood
nor a message that is sent again and again makes others dead. The first round begins with the sensors that the partition
is to have, none of which has spoken: who speaks first is no majority.

All of that is a function of the readings since the beginning of the last round, so a process that takes the partition
up reads from there on and knows the same.
"""

from bisect import bisect_left, bisect_right, insort
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from math import inf

from shared.events.records import SensorId

HOUR_MS = 3_600_000
READINGS_PER_SENSOR = 8
"""After so many of each a round ends anyhow, unless `round_readings` are more."""
SURE_READINGS = 3
"""So many readings in a row have to be off before their clock is named."""
NOBODY = -1


@dataclass(frozen=True, slots=True)
class Rounds:
    """The offsets at which the last round and this one began; `last` is `NOBODY` where this round is the first."""

    last: int
    this: int

    @property
    def first_offset(self) -> int:
        """From where to read in order to know the clocks."""
        return self.this if self.last == NOBODY else self.last


class NetworkClocks:
    """The clocks of one network's sensors in one partition.

    Args:
        expected: the sensors that the partition is to have; empty where that is not known.
        off_ms: a clock is off that is further than this from the network's time, in milliseconds.
        round_readings: after how many readings that count, at least, a round ends though somebody is missing.
        interval_ms: how often the network's sensors send, in milliseconds: of a sensor one reading counts in each.
        taken_up: where the rounds began by the last commit; readings before its end go to `recall`, then `take`.

    Attributes:
        any_off: whether a clock is off, or may be.
    """

    __slots__ = (
        "_counted",
        "_interval_ms",
        "_last",
        "_off",
        "_off_ms",
        "_readings",
        "_round_readings",
        "_rounds",
        "_stamps",
        "_this",
        "_unheard",
        "any_off",
    )

    def __init__(
        self,
        expected: Collection[SensorId],
        off_ms: int,
        round_readings: int,
        interval_ms: int,
        taken_up: Rounds | None = None,
    ) -> None:
        self._off_ms = off_ms
        self._round_readings = round_readings
        self._interval_ms = interval_ms
        self._rounds = taken_up
        self._last: dict[SensorId, float] = {}
        self._this: dict[SensorId, float] = {}
        if taken_up is None or taken_up.last == NOBODY:
            self._last = dict.fromkeys(expected, -inf)
        self._readings = 0
        # Up to where a sensor's readings have been counted in this round.
        self._counted: dict[SensorId, float] = {}
        self._off: dict[SensorId, tuple[float, int]] = {}
        self.any_off = False
        # Of whoever is live, in order; `None` while readings are recalled.
        self._stamps: list[float] | None = None
        self._unheard = 0

    def recall(self, sensor_id: SensorId, stamp_ms: float, offset: int) -> None:
        """Take a reading that was taken before the last commit."""
        if self._rounds is None:
            return
        if offset >= self._rounds.this:
            self._this[sensor_id] = stamp_ms
            self._count(sensor_id, stamp_ms)
        elif offset >= self._rounds.first_offset:
            self._last[sensor_id] = stamp_ms

    def take(self, sensor_id: SensorId, stamp_ms: float, offset: int) -> float:
        """Take the next reading; returns the network's time in milliseconds, -inf while no majority has spoken."""
        stamps = self._stamps
        if stamps is None:
            stamps = self._stamps = self._live()
            self._unheard = sum(sensor not in self._this for sensor in self._last)
        rounds = self._rounds
        if rounds is None or not self._this:
            rounds = self._rounds = Rounds(NOBODY if rounds is None else rounds.last, offset)
        known = self._this.get(sensor_id)
        if known is None:
            known = self._last.get(sensor_id)
            if known is not None:
                self._unheard -= 1
        if known is not None:
            del stamps[bisect_left(stamps, known)]
        insort(stamps, stamp_ms)
        self._this[sensor_id] = stamp_ms
        self._count(sensor_id, stamp_ms)
        live = len(stamps)
        if not self._unheard or (
            self._readings >= self._round_readings and self._readings >= READINGS_PER_SENSOR * live
        ):
            stamps = self._turn(rounds, stamps)
            live = len(stamps)
        return stamps[live // 2] if live > 2 else _of_few(stamps)  # noqa: PLR2004 - two have no majority

    def _count(self, sensor_id: SensorId, stamp_ms: float) -> None:
        if stamp_ms >= self._counted.get(sensor_id, -inf):
            self._counted[sensor_id] = stamp_ms - stamp_ms % self._interval_ms + self._interval_ms
            self._readings += 1

    def judge(self, sensor_id: SensorId, ahead_ms: float) -> None:
        """Note how far the newest reading of a sensor is ahead of what it should be, in milliseconds."""
        if -self._off_ms <= ahead_ms <= self._off_ms:
            self._off.pop(sensor_id, None)
            self.any_off = bool(self._off)
            return
        before_ms, times = self._off.get(sensor_id, (0.0, 0))
        self.any_off = True
        self._off[sensor_id] = (ahead_ms, times + 1 if before_ms * ahead_ms > 0 else 1)

    def off(self) -> Iterator[tuple[SensorId, float]]:
        """The sensors whose clocks are off, with the milliseconds by which they are fast, or slow where negative."""
        return ((sensor_id, ahead_ms) for sensor_id, (ahead_ms, times) in self._off.items() if times >= SURE_READINGS)

    @property
    def many(self) -> bool:
        """Whether there are so many that one of them can be compared with the others."""
        return self._stamps is not None and len(self._stamps) > 2  # noqa: PLR2004 - two have no majority

    @property
    def heard_ms(self) -> float:
        """The time by those alone who have spoken, in milliseconds; -inf where nobody has."""
        stamps = (self._stamps or [])[bisect_right(self._stamps or [], -inf) :]
        return stamps[len(stamps) // 2] if len(stamps) > 2 else _of_few(stamps)  # noqa: PLR2004 - likewise

    def rounds(self, position: int) -> Rounds | None:
        """Where the rounds began, given that `position` is read next; `None` before the first reading."""
        if self._rounds is None or self._stamps is None or self._this:
            return self._rounds
        return Rounds(self._rounds.last, position)

    def _live(self) -> list[float]:
        return sorted((self._last | self._this).values())

    def _turn(self, ended: Rounds, stamps: list[float]) -> list[float]:
        dropped = self._unheard > 0
        # Where this round begins is known with its first reading.
        self._rounds = Rounds(ended.this, ended.this)
        self._last, self._this, self._counted, self._readings = self._this, {}, {}, 0
        self._unheard = len(self._last)
        if dropped:
            stamps = self._stamps = self._live()
        return stamps


def _of_few(stamps: list[float]) -> float:
    if not stamps:
        return -inf
    low, high = stamps[0], stamps[-1]
    return high if low > -inf and high - low > HOUR_MS else low
