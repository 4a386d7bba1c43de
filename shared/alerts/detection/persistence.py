"""When evidence becomes an alarm, and when an alarm ends. Pure."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from shared.traffic.arrays import Flags

Counts = npt.NDArray[np.int16]


@dataclass(frozen=True, slots=True, eq=False)
class Latch:
    """Windows in a row with evidence, whether it alarms, and for how many windows: (levels, sensors) each."""

    count: Counts
    alarming: Flags
    age: Counts

    @classmethod
    def open(cls, levels: int, sensors: int) -> "Latch":
        """No evidence yet."""
        shape = (levels, sensors)
        return cls(np.zeros(shape, np.int16), np.zeros(shape, np.bool_), np.zeros(shape, np.int16))

    def after(self, evident: Flags, over: Flags, told: Flags, needed: int) -> "Latch":
        """The latch after one more window.

        Args:
            evident: (levels, sensors) the rule holds in this window.
            over: (levels, sensors) what would end an alarm.
            told: broadcasts to them; False where a sensor said nothing, which neither adds evidence nor ends anything.
            needed: windows in a row that raise an alarm.
        """
        count = np.where(told, np.where(evident, np.minimum(self.count + 1, needed), 0), self.count).astype(np.int16)
        alarming = np.where(told, (self.alarming & ~over) | (count >= needed), self.alarming)
        age = np.where(alarming, np.minimum(self.age + 1, np.iinfo(np.int16).max - 1), 0).astype(np.int16)
        return Latch(count, alarming, age)

    def without(self, dropped: Flags) -> "Latch":
        """The latch without the alarms there, as if there had been no evidence."""
        zero = np.int16(0)
        return Latch(np.where(dropped, zero, self.count), self.alarming & ~dropped, np.where(dropped, zero, self.age))

    def freezes(self, at_most: int) -> Flags:
        """Where a baseline must not learn: from the first sign of an incident to its end.

        After `at_most` windows it learns again, or a lasting change (a road works' speed limit) would alarm for ever.
        """
        frozen: Flags = (self.count > 0) | (self.alarming & (self.age <= at_most))
        return frozen & (self.age <= at_most)
