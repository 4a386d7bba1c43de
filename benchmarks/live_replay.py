"""Whether forecasts are as good in service as on paper: days of a recording through the pipeline, against offline.

    python -m benchmarks.live_replay --data METR-LA.h5 --network metr-la [--days 7] [--from TIME] [--speed X|max]

The embedded broker, ingest and the predictor run as a demo runs them, with what comes with metrla for the network and
shipped settings; `metrla feed replay` sends the readings. Every forecast that serves is then taken from the store and
compared with what `metrla evaluate` makes of the same origin: on pairs of origin, sensor and horizon that both forecast
and whose speed is known, errors are counted day by day, the first included. Origins of whole-network silence count as
all others. What is wanted: no day worse than offline by more than 0.3 %.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from metrla.cli.feeding.options import read_speed
from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.recording import Recording, read_recording
from metrla.lab.forecasting.serving import serving_of
from metrla.lab.forecasting.split import Split
from metrla.local.launcher.figures import FiguresReader
from metrla.local.launcher.plan import PipelinePlan, free_port
from metrla.local.launcher.process import LaunchError
from metrla.local.launcher.request import REPLAY_RETENTION_BYTES, SHORTEST_IDLE_S
from metrla.local.launcher.supervisor import Supervisor, supervise
from metrla.local.launcher.weights import ShippedWeights
from shared.archive.url import open_archive
from shared.forecasting.forecasting import Forecasting
from shared.forecasting.inputs.history import HORIZONS, LAGS, place_of
from shared.forecasting.registry.pretrained import PretrainedModels
from shared.forecasting.registry.serving import Serving
from shared.store.url import open_store
from shared.traffic.arrays import Floats
from shared.traffic.folder import load_network
from shared.traffic.network import Network

DAY = timedelta(days=1)
DEFAULT_SPEED = "max"
SHOWN_MINUTES = (15, 30, 60)
MOST_WORSE = 0.003
SETTLED_S, GIVEN_UP_S = 30.0, 900.0
"""Wall time without a further forecast after which all are made: where the last origin is forecast, and in any case."""
ORIGINS_AT_ONCE = 48


@dataclass
class Days:
    """Sums of absolute errors and numbers of pairs, by day and horizon."""

    days: int
    live: Floats = field(init=False)
    offline: Floats = field(init=False)
    pairs: Floats = field(init=False)
    inside: Floats = field(init=False)
    missed: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.live, self.offline, self.pairs, self.inside, self.missed = np.zeros((5, self.days, HORIZONS))

    def add(self, day: int, actual: Floats, live: Floats, offline: Floats) -> None:
        """Count one origin: actual and offline (N, HORIZONS), live with its interval (3, N, HORIZONS)."""
        known = ~np.isnan(actual) & (actual > 0) & ~np.isnan(offline)
        both = known & ~np.isnan(live[0])
        self.live[day] += np.where(both, np.abs(live[0] - actual), 0.0).sum(axis=0)
        self.offline[day] += np.where(both, np.abs(offline - actual), 0.0).sum(axis=0)
        self.inside[day] += (both & (live[1] <= actual) & (actual <= live[2])).sum(axis=0)
        self.pairs[day] += both.sum(axis=0)
        self.missed[day] += (known & ~both).sum(axis=0)

    def row(self, day: slice | int, places: Sequence[int]) -> dict[str, list[float]]:
        """MAE live and offline, how much worse live is, coverage, pairs counted and missed, at these horizons."""
        live, offline, inside, pairs, missed = (
            np.atleast_2d(each[day])[:, places].sum(axis=0)
            for each in (self.live, self.offline, self.inside, self.pairs, self.missed)
        )
        some = np.maximum(pairs, 1)
        return {
            "live": (live / some).tolist(),
            "offline": (offline / some).tolist(),
            "worse": (live / np.maximum(offline, 1e-9) - 1).tolist(),
            "coverage_90": (inside / some).tolist(),
            "pairs": pairs.tolist(),
            "missed": missed.tolist(),
        }


async def replay(plan: PipelinePlan, network: Network, end: datetime, arguments: Sequence[str]) -> float:
    """Run the pipeline until what the feed sends up to `end` is forecast; returns the seconds of wall time it took."""
    async with supervise(print) as supervisor:
        await supervisor.start(plan.broker())
        await supervisor.start(plan.service("ingest"), plan.service("predictor"))
        began = time.monotonic()
        (feed,) = await supervisor.start(plan.feed(arguments))
        if (status := await feed.wait()) != 0:
            raise LaunchError(f"the feed ended with status {status}:\n{feed.log_tail()}")
        print(feed.log_tail())
        await _until_settled(supervisor, plan, network, end)
        return time.monotonic() - began


async def _until_settled(supervisor: Supervisor, plan: PipelinePlan, network: Network, end: datetime) -> None:
    reader, before, changed = FiguresReader(plan.gateway_url), -1, time.monotonic()
    while (quiet := time.monotonic() - changed) < GIVEN_UP_S:
        # On a machine that is busy with other work the predictor may get nothing done for minutes.
        if quiet >= SETTLED_S and list(served(plan, network, end, end + network.window)):
            return
        await asyncio.sleep(1.0)
        made = (await reader.read(supervisor.children)).predictions
        if made != before:
            before, changed = made, time.monotonic()
    print(f"gave up: no further forecast for {GIVEN_UP_S:.0f} s, and none of {end.isoformat()}")


def served(plan: PipelinePlan, network: Network, begin: datetime, end: datetime) -> Iterator[tuple[datetime, Floats]]:
    """By origin, what was served: predicted, lower and upper mph, (3, N, HORIZONS), NaN where nothing was."""
    store = open_store(plan.store_url, create=False)
    at = begin
    while at < end:
        after = min(end, at + DAY / 4)
        found: dict[datetime, Floats] = {}
        for made in store.predictions(network.network_id, None, at, after, serving=True):
            values = found.setdefault(made.timestamp, np.full((3, len(network.sensors), HORIZONS), np.nan))
            sensor = network.index[made.sensor_id]
            for one in made.horizons:
                place = place_of(one.horizon_minutes, network.window)
                values[:, sensor, place] = one.predicted_speed_mph, one.lower_speed_mph, one.upper_speed_mph
        yield from sorted(found.items(), key=lambda each: each[0])
        at = after
    store.close()


def compare(
    plan: PipelinePlan, recording: Recording, serving: Serving, begin: datetime, days: int
) -> tuple[Days, set[datetime]]:
    """Errors live and offline; and the origins that were forecast."""
    network, window = recording.network, recording.network.window
    split = Split.of(len(recording.speed_mph), recording.skipped_windows)
    recorded = Recorded(network, recording.start, recording.speed_mph, split.train_windows)
    made = dict(served(plan, network, begin + window, begin + days * DAY))
    sums, forecasting = Days(days), Forecasting(network)
    nothing = np.full((3, len(network.sensors), HORIZONS), np.nan)
    first = (begin - recording.start) // window
    # An origin is named by its first lag; forecasts go by the end of the last. Targets lie within the days.
    origins = np.arange(first - LAGS + 1, first + days * (DAY // window) - LAGS - HORIZONS)
    for some in np.split(origins, range(ORIGINS_AT_ONCE, len(origins), ORIGINS_AT_ONCE)):
        champion = forecasting.of_batch(recorded.batch(some), serving, challengers=False)[0]
        for place, (origin, actual) in enumerate(zip(some.tolist(), recorded.actual(some), strict=True)):
            ends = recording.start + (origin + LAGS) * window
            live = made.get(ends, nothing)
            sums.add((ends - begin - window) // DAY, actual, live, champion.predicted_mph[place])
    return sums, set(made)


def main() -> int:
    """Print the table; returns 1 where a day is worse than it may be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--network", type=Path, required=True, help="folder of a network that weights come for")
    parser.add_argument("--days", type=int, default=7)
    parser.add_argument("--from", dest="begin", help="ISO 8601; by default the midnight after what the weights saw")
    parser.add_argument("--speed", default=DEFAULT_SPEED)
    parser.add_argument("--state", type=Path, help="folder that is kept; one that has a store is only compared")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    network, recording = load_network(arguments.network), None
    weights = ShippedWeights.of(network, PretrainedModels())
    if weights is None or weights.seen is None:
        parser.error("no weights come with metrla for this network")
    recording = read_recording(arguments.data, network)
    begin = (
        datetime.fromisoformat(arguments.begin).replace(tzinfo=network.time_zone)
        if arguments.begin
        else (weights.seen[1].astimezone(network.time_zone) + DAY).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    read_speed(arguments.speed)
    with TemporaryDirectory() as temporary:
        state = (arguments.state or Path(temporary)).absolute()
        plan = PipelinePlan(
            state=state,
            networks=[arguments.network.absolute()],
            broker_port=free_port(),
            gateway_port=free_port(),
            broker_retention_bytes=REPLAY_RETENTION_BYTES,
            # As in a demo: the end of a file is not waited for as that of a live feed is.
            settings={"METRLA_INGEST_IDLE_TIMEOUT_S": f"{SHORTEST_IDLE_S:g}"},
        )
        if not (state / "store.sqlite").exists():
            state.mkdir(parents=True, exist_ok=True)
            weights.install(open_archive(plan.archive_url), network.network_id)
            end = begin + arguments.days * DAY
            span = ["--from", begin.isoformat(), "--to", end.isoformat()]
            feed = ["replay", str(arguments.data.absolute()), "--network", str(arguments.network.absolute())]
            seconds = asyncio.run(replay(plan, network, end, [*feed, *span, "--speed", arguments.speed]))
            print(f"{arguments.days} days in {seconds:.0f} s of wall time")
        serving = serving_of(PretrainedModels(), network, None)
        sums, made = compare(plan, recording, serving, begin, arguments.days)
    return _report(sums, made, network, begin, arguments.json)


def _report(sums: Days, made: set[datetime], network: Network, begin: datetime, file: Path | None) -> int:
    places = [place for minutes in SHOWN_MINUTES if (place := place_of(minutes, network.window)) is not None]
    rows = {f"{(begin + day * DAY).date()}": sums.row(day, places) for day in range(sums.days)}
    rows["all"] = sums.row(slice(None), places)
    minutes = " / ".join(map(str, SHOWN_MINUTES))
    print(f"MAE in mph at {minutes} minutes; {len(made):,} origins forecast")
    print(f"{'day':<12}{'live':<24}{'offline':<24}{'worse %':<24}{'coverage %':<20}{'pairs':>10}{'missed':>9}")
    for day, row in rows.items():
        shown = [
            " / ".join(f"{value:.3f}" for value in row["live"]),
            " / ".join(f"{value:.3f}" for value in row["offline"]),
            " / ".join(f"{100 * value:+.2f}" for value in row["worse"]),
            " / ".join(f"{100 * value:.1f}" for value in row["coverage_90"]),
        ]
        print(
            f"{day:<12}{shown[0]:<24}{shown[1]:<24}{shown[2]:<24}{shown[3]:<20}"
            f"{sum(row['pairs']):>10,.0f}{sum(row['missed']):>9,.0f}"
        )
    if file is not None:
        file.write_text(json.dumps(rows, indent=1))
    worst = max(max(row["worse"]) for row in rows.values())
    print(f"worst: {100 * worst:+.2f} %, wanted: at most {100 * MOST_WORSE:+.2f} %")
    return int(worst > MOST_WORSE)


if __name__ == "__main__":
    raise SystemExit(main())
