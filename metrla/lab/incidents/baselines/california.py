"""California algorithms #7 and #8: neighbouring occupancies in a decision tree with states. Pure.

H. J. Payne and S. C. Tignor, 'Freeway incident-detection algorithms based on decision trees with states',
Transportation Research Record 682 (1978) 30-37. With OCC the occupancy of a station and of the next one downstream:

    OCCDF   OCC here - OCC downstream               OCCRDF  OCCDF / OCC here
    DOCC    OCC downstream                          DOCCTD  (DOCC two windows before - DOCC) / DOCC two windows before

The paper counts in periods of 20 to 60 seconds; here a period is a window, but for the five minutes for which #8 is
silent after a compression wave: these stay five minutes.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from shared.alerts.detection.protocol import Observation, Verdict
from shared.traffic.arrays import Floats
from shared.traffic.neighbours import Neighbours

States = npt.NDArray[np.int8]

FREE, WAVE, TENTATIVE, CONFIRMED = 0, 1, 10, 11
"""Between `WAVE` and `TENTATIVE` lie the windows since a compression wave."""


class Features(NamedTuple):
    """The quantities of the trees: (sensors,) each."""

    occdf: Floats
    occrdf: Floats
    docc: Floats
    docctd: Floats


@dataclass(frozen=True, slots=True, eq=False)
class TreeStates:
    """States (levels, sensors), and downstream occupancies of the last two windows (2, sensors), oldest first."""

    states: States
    docc: Floats


def features(road: Neighbours, occupancy: Floats, docc_before: Floats) -> Features:
    """What the trees ask of a window; NaN where a station or its neighbour said nothing."""
    docc = road.beyond(occupancy)
    with np.errstate(divide="ignore", invalid="ignore"):
        occdf = occupancy - docc
        return Features(occdf, occdf / occupancy, docc, (docc_before - docc) / docc_before)


@dataclass(frozen=True, eq=False)
class California7:
    """Algorithm #7: a spatial difference, a low occupancy downstream, and the difference again.

    Args:
        road: next stations.
        occdf: (levels, sensors) threshold T1.
        occrdf: threshold T2, broadcast to them; it confirms and ends an incident.
        docc: threshold T3, broadcast to them: more than that downstream is no incident but a queue there.
    """

    road: Neighbours
    occdf: Floats
    occrdf: Floats
    docc: Floats
    name: str = "California #7"

    def initial(self) -> TreeStates:
        """No incident anywhere."""
        return _free(self.occdf.shape)

    def step(self, seen: Observation, state: TreeStates) -> tuple[Verdict, TreeStates]:
        """One window."""
        found = features(self.road, seen.occupancy, state.docc[0])
        told = np.isfinite(found.occrdf)
        again = found.occrdf >= self.occrdf
        begins = (found.occdf >= self.occdf) & again & (found.docc <= self.docc)
        after = np.where(
            state.states >= TENTATIVE, np.where(again, CONFIRMED, FREE), np.where(begins, TENTATIVE, FREE)
        ).astype(np.int8)
        states = np.where(told, after, state.states)
        return _verdict(states, found, state)


@dataclass(frozen=True, eq=False)
class California8:
    """Algorithm #8: #7 that keeps silent while a compression wave passes downstream, and after it.

    Args:
        road: next stations.
        occdf: (levels, sensors) threshold T1.
        docctd: threshold T2 (negative): a steeper rise downstream is a wave.
        occrdf: threshold T3.
        docc: threshold T4, as in #7.
        wave_docc: threshold T5: a wave has at least that occupancy.
        wave_windows: for how many windows a wave silences.
    """

    road: Neighbours
    occdf: Floats
    docctd: float
    occrdf: Floats
    docc: Floats
    wave_docc: float
    wave_windows: int = 1
    name: str = "California #8"

    def initial(self) -> TreeStates:
        """No incident anywhere."""
        return _free(self.occdf.shape)

    def step(self, seen: Observation, state: TreeStates) -> tuple[Verdict, TreeStates]:
        """One window."""
        found = features(self.road, seen.occupancy, state.docc[0])
        told = np.isfinite(found.occrdf)
        again = found.occrdf >= self.occrdf
        begins = (found.occdf >= self.occdf) & again & (found.docc <= self.docc)
        dense = found.docc >= self.wave_docc
        wave = dense & (found.docctd < self.docctd)
        old = state.states
        waited = np.where((old >= WAVE) & (old < WAVE + self.wave_windows - 1), old + 1, FREE)
        quiet = np.where(dense | (old >= WAVE), waited, np.where(begins, TENTATIVE, FREE))
        before = np.where(wave, WAVE, quiet)
        suspected = np.where(again, CONFIRMED, np.where(wave & (old == TENTATIVE), WAVE, FREE))
        after = np.where(old >= TENTATIVE, suspected, before).astype(np.int8)
        return _verdict(np.where(told, after, old), found, state)


def _verdict(states: States, found: Features, state: TreeStates) -> tuple[Verdict, TreeStates]:
    score = np.broadcast_to(found.occdf, states.shape)
    return Verdict(states >= CONFIRMED, score), TreeStates(states, np.stack([state.docc[1], found.docc]))


def _free(shape: tuple[int, ...]) -> TreeStates:
    levels, sensors = shape
    return TreeStates(np.zeros((levels, sensors), np.int8), np.full((2, sensors), np.nan))
