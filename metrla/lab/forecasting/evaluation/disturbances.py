"""What may go wrong with the input, to see how forecasts bear it: missing, broken and unknown sensors. Pure.

Each takes the speeds that models see; what happened afterwards stays as it was.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from shared.events.records import SensorId
from shared.traffic.arrays import Flags, Floats, Integers
from shared.traffic.network import Edge, Network

SHARES = (0.1, 0.3, 0.5)
PART = 0.1
STUCK_WINDOWS = 48
STUCK_SHARE = 0.5
FIFTH = 0.2
STUCK_MPH = (25.0, 65.0)
NOISE_MPH = 3.0
HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True, eq=False)
class Disturbed:
    """A recording whose input is worse than it was.

    `speed_mph` (windows, N) is the input. `affected` (windows, N) marks the readings that were changed: a forecast is
    affected where the last window before it is. `network` is what models are loaded for.
    """

    name: str
    what: str
    network: Network
    speed_mph: Floats
    affected: Flags


def disturbances(network: Network, speed_mph: Floats, seed: int, first: int = 0) -> Iterable[Disturbed]:
    """Every way, one after the other: each is as large as the recording.

    Sensors that break do so in window `first`, where what is evaluated begins: until then they worked. It is the same
    tenth of them each time, so that the row of what was recorded says how they would have done.
    """
    for share in SHARES:
        yield missing(network, speed_mph, share, np.random.default_rng((seed, round(100 * share))))
    yield dead_corridor(network, speed_mph)
    yield stuck(network, speed_mph, np.random.default_rng((seed, 101)))
    yield unseen(network, speed_mph, np.random.default_rng((seed, 102)))
    yield from faults(network, speed_mph, first, seed)


def faults(network: Network, speed_mph: Floats, first: int, seed: int) -> Iterable[Disturbed]:
    """Sensors that break in window `first` and stay so; and, to compare with, the same ones as they were recorded."""
    broken, after = _some(network, PART, np.random.default_rng((seed, 103))), slice(first, None)
    affected = np.zeros(speed_mph.shape, dtype=np.bool_)
    affected[after, broken] = True
    count, seen = len(broken), ~np.isnan(speed_mph[after, broken])

    def of(name: str, what: str, told: Floats) -> Disturbed:
        speeds = speed_mph.copy()
        speeds[after, broken] = told
        return Disturbed(name, f"{count} sensors {what}", network, speeds, affected)

    yield of("as_recorded", "as they were recorded", speed_mph[after, broken])
    yield dead(network, speed_mph, first, FIFTH, np.random.default_rng((seed, 104)))
    yield of("dead_10", "are dead", np.full(seen.shape, np.nan))
    for stuck_mph in STUCK_MPH:
        yield of(f"stuck_at_{stuck_mph:.0f}", f"are stuck at {stuck_mph:.0f} mph", np.where(seen, stuck_mph, np.nan))
    late = round(HOUR / network.window)
    before = speed_mph[np.maximum(np.arange(first, len(speed_mph)) - late, 0)][:, broken]
    yield of("clock_off", "tell the time an hour fast", before)
    noise = np.random.default_rng((seed, 105)).normal(0, NOISE_MPH, seen.shape)
    yield of("noise", f"have noise of {NOISE_MPH:.0f} mph", np.clip(speed_mph[after, broken] + noise, 0.1, None))


def dead(network: Network, speed_mph: Floats, first: int, share: float, random: np.random.Generator) -> Disturbed:
    """A share of the sensors says nothing from window `first` on."""
    chosen = _some(network, share, random)
    speeds, affected = speed_mph.copy(), np.zeros(speed_mph.shape, dtype=np.bool_)
    speeds[first:, chosen] = np.nan
    affected[first:, chosen] = True
    return Disturbed(f"dead_{100 * share:.0f}", f"{len(chosen)} sensors are dead", network, speeds, affected)


def missing(network: Network, speed_mph: Floats, share: float, random: np.random.Generator) -> Disturbed:
    """A share of all readings, chosen at random."""
    hidden = random.random(speed_mph.shape) < share
    what = f"{share:.0%} of all readings missing at random"
    return Disturbed(f"missing_{100 * share:.0f}", what, network, np.where(hidden, np.nan, speed_mph), hidden)


def dead_corridor(network: Network, speed_mph: Floats) -> Disturbed:
    """All sensors of the carriageway that has most of them, throughout."""
    road, along = max(network.carriageways.items(), key=lambda item: len(item[1]))
    hidden = np.zeros(speed_mph.shape, dtype=np.bool_)
    hidden[:, [network.index[sensor.sensor_id] for sensor in along]] = True
    what = f"no reading from {road}, all {len(along)} sensors"
    return Disturbed("dead_corridor", what, network, np.where(hidden, np.nan, speed_mph), hidden)


def stuck(network: Network, speed_mph: Floats, random: np.random.Generator) -> Disturbed:
    """A tenth of the sensors repeats the first speed of a stretch throughout it, in half of the stretches."""
    chosen = _tenth(network, random)
    speeds, affected = speed_mph.copy(), np.zeros(speed_mph.shape, dtype=np.bool_)
    for first in range(0, len(speeds), STUCK_WINDOWS):
        stretch = slice(first, first + STUCK_WINDOWS)
        for sensor in chosen[random.random(len(chosen)) < STUCK_SHARE]:
            speeds[stretch, sensor] = speed_mph[first, sensor]
            affected[stretch, sensor] = True
    hours = STUCK_WINDOWS * network.window.total_seconds() / 3600
    what = f"{len(chosen)} sensors repeat one speed, in half of all stretches of {hours:g} hours"
    return Disturbed("stuck", what, network, speeds, affected)


def unseen(network: Network, speed_mph: Floats, random: np.random.Generator) -> Disturbed:
    """A tenth of the sensors under ids that no artefact knows: their readings are there, what was learned is not."""
    chosen = _tenth(network, random)
    affected = np.zeros(speed_mph.shape, dtype=np.bool_)
    affected[:, chosen] = True
    what = f"{len(chosen)} sensors that the models have never seen"
    renamed = renamed_sensors(network, {network.sensors[row].sensor_id for row in chosen})
    return Disturbed("unseen", what, renamed, speed_mph, affected)


def renamed_sensors(network: Network, chosen: set[SensorId]) -> Network:
    """The same network with other ids for some sensors."""

    def name(sensor_id: SensorId) -> SensorId:
        return SensorId(f"{sensor_id} (unseen)") if sensor_id in chosen else sensor_id

    return replace(
        network,
        sensors=tuple(replace(sensor, sensor_id=name(sensor.sensor_id)) for sensor in network.sensors),
        edges=tuple(
            Edge(name(edge.from_sensor), name(edge.to_sensor), edge.weight, edge.metres) for edge in network.edges
        ),
    )


def _tenth(network: Network, random: np.random.Generator) -> Integers:
    return _some(network, PART, random)


def _some(network: Network, share: float, random: np.random.Generator) -> Integers:
    sensors = len(network.sensors)
    return np.sort(random.choice(sensors, size=max(1, round(share * sensors)), replace=False))
