"""What the user of a demo asked for, and what that means for its feed and its training."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from zoneinfo import ZoneInfo

from shared.forecasting.inputs.history import LAGS
from shared.traffic.folder import EXAMPLE_NETWORK

# Half a minute is enough for trees, with the usual speeds an hour ahead, to beat the last speed at every horizon; two
# weeks are too few for the linear model to, but it needs none of the libraries of the train extra.
QUICK_MODELS, QUICK_MINUTES, PLAIN_MODEL = "xgboost,ensemble", 0.5, "linear_regression"
QUICK_LIBRARIES = ("xgboost", "onnx", "scipy")
# Two weeks hold every weekday twice; one would teach a profile that was seen once.
SIMULATED_TRAINING_DAYS = 14
# A linear model needs a thousand origins to be fitted to, which are 70 % of the windows; some more make up for gaps.
TRAINING_WINDOWS = 1700
# Two hours, or the windows that forecasts look back on: the page is then not empty at first.
LEAST_WARM_UP, WARM_UP_WINDOWS = timedelta(hours=2), LAGS + 1
REPLAY_FROM_SHARE = 0.7
# A feed is idle when it has missed 3 readings, but not before 10 seconds have passed.
MISSED_READINGS, SHORTEST_IDLE_S = 3, 10.0
PACED_RETENTION_BYTES = 16 * 1024 * 1024
REPLAY_RETENTION_BYTES = 512 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """Options of `metrla demo`.

    `speed=None` is as fast as it goes; `begin`, `end` are as for `metrla feed replay`; `reading` are the options that
    say how `data` is read; `stack` is the folder of the native stack to run on, `None` for the embedded servers.
    """

    state: Path
    network: Path | None
    data: Path | None
    begin: str | None
    end: str | None
    speed: float | None
    damaged: float
    seed: int
    port: int
    duration: timedelta | None
    exit_when_fed: bool
    stack: Path | None = None
    reading: Sequence[str] = ()

    @property
    def network_folder(self) -> Path:
        """The sensor network of the demo."""
        return self.network or EXAMPLE_NETWORK

    def feed_text(self, network_name: str) -> str:
        """The feed in words."""
        pace = "as fast as it goes" if self.speed is None else f"at {self.speed:g} times real time"
        return f"replays {self.data} {pace}" if self.data else f"simulates {network_name} {pace}"


def ingest_settings(request: DemoRequest, reading_interval: timedelta) -> Mapping[str, str]:
    """Settings that fit the demo's clock: what waits in wall time for a live feed need not wait so long."""
    pause = 0.0 if request.speed is None else reading_interval.total_seconds() / request.speed
    idle_s = max(SHORTEST_IDLE_S, MISSED_READINGS * pause)
    return {"METRLA_INGEST_IDLE_TIMEOUT_S": f"{idle_s:g}", "METRLA_INGEST_ARCHIVE_FLUSH_S": f"{SHORTEST_IDLE_S:g}"}


def broker_retention_bytes(request: DemoRequest) -> int:
    """What the embedded broker keeps per partition: enough that a replay at full speed cannot outrun its readers."""
    return REPLAY_RETENTION_BYTES if request.speed is None else PACED_RETENTION_BYTES


def default_start(first: datetime, last: datetime, zone: ZoneInfo, seen_until: datetime | None = None) -> datetime:
    """Where a replay of a file from `first` to `last` (aware) begins: at the local midnight after its first 70 %.

    A file of a day or so has none: it begins where the 70 % end. Where models are there already, and have seen
    the file up to `seen_until` (aware), it begins after that if the file goes on so long.
    """
    begin = first + (last - first) * REPLAY_FROM_SHARE
    if seen_until is not None and first < seen_until < last:
        begin = seen_until
    local = begin.astimezone(zone)
    midnight = datetime.combine(local.date() + timedelta(days=1), time.min, zone)
    return midnight if midnight <= last else begin.replace(second=0, microsecond=0)


def warm_up_length(window: timedelta) -> timedelta:
    """Event time that a paced feed sends at once."""
    return max(LEAST_WARM_UP, WARM_UP_WINDOWS * window)


def feed_arguments(request: DemoRequest, begin: str | None, window: timedelta) -> Sequence[str]:
    """The arguments of `metrla feed` for this demo on a network of such windows."""
    speed = "max" if request.speed is None else f"{request.speed:g}"
    common = ["--network", str(request.network_folder), "--speed", speed]
    common += ["--damaged", f"{request.damaged:g}", "--seed", str(request.seed)]
    if request.speed is not None:
        common += ["--warm-up", f"{warm_up_length(window) // timedelta(minutes=1)}m"]
    if request.data is None:
        return ["simulate", *common, *(("--start", begin) if begin else ())]
    bounds = [part for option, value in (("--from", begin), ("--to", request.end)) if value for part in (option, value)]
    return ["replay", str(request.data), *common, *bounds, *request.reading]


def training_arguments(request: DemoRequest, archive_url: str, begin: str | None, window: timedelta) -> Sequence[str]:
    """The arguments of `metrla train` for this demo: it never sees what the feed will send."""
    there = all(find_spec(name) is not None for name in QUICK_LIBRARIES)
    models = ["--models", QUICK_MODELS, "--budget", f"{QUICK_MINUTES:g}"] if there else ["--models", PLAIN_MODEL]
    common = ["--network", str(request.network_folder), "--archive-url", archive_url, *models]
    if request.data is None:
        days = max(SIMULATED_TRAINING_DAYS, ceil(TRAINING_WINDOWS * window / timedelta(days=1)))
        return [*common, "--simulate", str(days), "--seed", str(request.seed)]
    return [*common, "--data", str(request.data), *request.reading, *(("--to", begin) if begin else ())]
