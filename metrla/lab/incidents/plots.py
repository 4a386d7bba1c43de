"""Pictures of an evaluation: detection against false alarms, and time to detect against false alarms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metrla.lab.incidents.detectors import LIVE
from metrla.lab.incidents.scores import Curve, Score
from shared.events.errors import ConfigurationError

EXTRA = "plots need matplotlib: install the extra with `pip install 'metrla[train]'`"


def plot_curves(curves: Sequence[Curve], folder: Path, shipped: Score | None = None) -> list[Path]:
    """Write `detection.png` and `time_to_detect.png`; raises `ConfigurationError` without matplotlib or folder."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, an extra
    except ImportError as missing:
        raise ConfigurationError(EXTRA) from missing
    written = []
    for name, label in (("detection", "disturbances detected"), ("time_to_detect", "median minutes to detect")):
        figure: Any = Figure(figsize=(8, 5), layout="constrained")
        axes = figure.subplots()
        for curve in curves:
            points = [
                (
                    score.false_alarms_per_100_sensor_days,
                    score.detected_share if name == "detection" else score.median_minutes,
                )
                for score in curve.scores
                if score.detected
            ]
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=3, label=curve.name)
        if shipped is not None and shipped.detected:
            value = shipped.detected_share if name == "detection" else shipped.median_minutes
            axes.plot([shipped.false_alarms_per_100_sensor_days], [value], marker="*", markersize=12, label=LIVE)
        axes.set_xscale("log")
        axes.set_xlabel("false alarms per 100 sensor-days")
        axes.set_ylabel(label)
        axes.grid(visible=True, alpha=0.3)
        axes.legend(fontsize="small")
        written.append(folder / f"{name}.png")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            figure.savefig(written[-1], dpi=150)
        except OSError as unwritable:
            raise ConfigurationError(f"{folder}: {unwritable.strerror}") from unwritable
    return written
