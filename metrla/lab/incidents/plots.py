"""Pictures of an evaluation: detection against false alarms, and time to detect against false alarms."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from metrla.lab.incidents.scores import Curve
from shared.events.errors import ConfigurationError

EXTRA = "plots need matplotlib: install the extra with `pip install 'metrla[train]'`"


def plot_curves(curves: Sequence[Curve], folder: Path) -> list[Path]:
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
                (score.false_alarms_per_day, score.detection_rate if name == "detection" else score.median_minutes)
                for score in curve.scores
                if score.detected
            ]
            axes.plot([x for x, _ in points], [y for _, y in points], marker="o", markersize=3, label=curve.name)
        axes.set_xscale("log")
        axes.set_xlabel("false alarms per day of all stations (incident-free)")
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
