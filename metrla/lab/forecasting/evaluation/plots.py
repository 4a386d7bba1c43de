"""The figures of an evaluation as plots: PNG images by name. Pure but for matplotlib, which draws into memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import reduce
from io import BytesIO
from operator import getitem
from typing import TYPE_CHECKING, Any

from metrla.lab.forecasting.evaluation.results import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which people with colour blindness can tell apart; the baselines are grey.
COLOURS = {
    "ensemble": "#000000",
    "neural_network": "#0072B2",
    "xgboost": "#D55E00",
    "random_forest": "#009E73",
    "linear_regression": "#CC79A7",
    "historical_average": "#888888",
    "last_value": "#BBBBBB",
}
REGIME_COLOURS = {
    "all": "#000000",
    "free_flow": "#009E73",
    "onset": "#D55E00",
    "congested": "#CC79A7",
    "recovery": "#0072B2",
}
DPI = 120
LEAST_PAIRS = 50
"""Fewer pairs in a bin of confidence say nothing."""


def draw(results: Json) -> dict[str, bytes]:
    """Every plot that the results allow, by file name without suffix."""
    plots: Mapping[str, Callable[[Json], Figure]] = {
        "error-by-horizon": _error_by_horizon,
        "error-by-hour": _error_by_hour,
        "error-by-regime": _error_by_regime,
        "error-by-sensor": _error_by_sensor,
        "coverage": _coverage,
        "reliability": _reliability,
        "robustness": _robustness,
    }
    needs = {"coverage": "calibration", "reliability": "reliability", "robustness": "robustness"}
    return {name: _png(plot(results)) for name, plot in plots.items() if results.get(needs.get(name, "horizons"))}


def _error_by_horizon(results: Json) -> "Figure":
    figure, (axes,) = _figure(1)
    for name, horizons in results["horizons"].items():
        axes.plot(*_series(horizons, "mae"), label=_words(name), **_line(name))
    _label(axes, "Mean absolute error by horizon", "minutes ahead", "MAE in mph")
    return _with_legend(figure)


def _error_by_hour(results: Json) -> "Figure":
    shown = _shown(results)
    figure, row = _figure(len(shown))
    for minutes, axes in zip(shown, row, strict=True):
        for name, hours in results["hours"].items():
            told = {hour: each[minutes]["mae"] for hour, each in hours.items() if each[minutes]["mae"] is not None}
            axes.plot([int(hour) for hour in told], list(told.values()), label=_words(name), **_line(name))
        _label(axes, f"{minutes} minutes ahead", "local hour of the target", "MAE in mph")
    return _with_legend(figure)


def _error_by_regime(results: Json) -> "Figure":
    shown, names = _shown(results), list(results["regimes"])
    figure, row = _figure(len(shown))
    for minutes, axes in zip(shown, row, strict=True):
        _bars(axes, names, results["regimes"], (minutes, "mae"))
        _label(axes, f"{minutes} minutes ahead", "", "MAE in mph")
    return _with_legend(figure)


def _error_by_sensor(results: Json) -> "Figure":
    figure, (axes,) = _figure(1)
    longest = _shown(results)[-1]
    for name, sensors in results["sensors"].items():
        told = sorted(each[longest]["mae"] for each in sensors.values() if each[longest]["mae"] is not None)
        axes.plot(
            [100 * (place + 0.5) / len(told) for place in range(len(told))], told, label=_words(name), **_line(name)
        )
    _label(axes, f"Error of each sensor, {longest} minutes ahead", "percentile of sensors", "MAE in mph")
    return _with_legend(figure)


def _coverage(results: Json) -> "Figure":
    figure, (axes,) = _figure(1)
    for name, calibration in results["calibration"].items():
        axes.plot(*_series(calibration["coverage_90"], percent=True), label=_words(name), **_line(name))
    offline = results["coverage_90_offline"]
    label = f"{_words(results['serving'])}, not adapted"
    axes.plot(*_series(offline, percent=True), label=label, color=COLOURS.get(results["serving"]), linestyle=":")
    axes.axhspan(88, 92, color="#009E73", alpha=0.12, linewidth=0)
    axes.axhline(90, color="#009E73", linewidth=0.8)
    _label(axes, "Coverage of the 90 % intervals", "minutes ahead", "actual speeds inside, %")
    return _with_legend(figure)


def _reliability(results: Json) -> "Figure":
    groups = results["reliability"][results["serving"]]
    figure, row = _figure(len(groups))
    for (minutes, regimes), axes in zip(groups.items(), row, strict=True):
        axes.plot([0, 1], [0, 1], color="#BBBBBB", linewidth=0.8)
        for regime, bins in regimes.items():
            told = [one for one in bins if one["pairs"] >= LEAST_PAIRS]
            places = [one["confidence"] for one in told], [one["observed"] for one in told]
            axes.plot(*places, marker="o", markersize=3, label=_words(regime), color=REGIME_COLOURS[regime])
        title = "all horizons" if minutes == "all" else f"{minutes} minutes ahead"
        _label(axes, title, "confidence score", "share within 5 mph")
        axes.set_aspect("equal")
    return _with_legend(figure)


def _robustness(results: Json) -> "Figure":
    figure, (axes,) = _figure(1)
    cases = results["robustness"]
    names = list(next(iter(cases.values()))["models"])
    longest = _shown(results)[-1]
    by_model = {name: {case: told["models"][name] for case, told in cases.items()} for name in names}
    _bars(axes, names, by_model, ("affected", longest, "mae"))
    _label(axes, f"Forecasts whose input was disturbed, {longest} minutes ahead", "", "MAE in mph")
    return _with_legend(figure)


def _bars(axes: "Axes", names: Sequence[str], of: Json, where: Sequence[str]) -> None:
    groups = list(of[names[0]])
    width = 0.8 / len(names)
    for place, name in enumerate(names):
        at = [group + (place - (len(names) - 1) / 2) * width for group in range(len(groups))]
        heights = [reduce(getitem, where, of[name][group]) or 0.0 for group in groups]
        axes.bar(at, heights, width, label=_words(name), color=COLOURS.get(name, "#555555"))
    axes.set_xticks(range(len(groups)), [_words(group) for group in groups], fontsize=8)


def _series(by_minutes: Json, key: str | None = None, *, percent: bool = False) -> tuple[list[float], list[float]]:
    told = [(float(minutes), each if key is None else each[key]) for minutes, each in by_minutes.items()]
    known = [(minutes, value) for minutes, value in told if value is not None]
    return [minutes for minutes, _ in known], [100 * value if percent else value for _, value in known]


def _shown(results: Json) -> list[str]:
    part: Json = results[results["part"]]
    return list(next(iter(part.values())))


def _line(name: str) -> dict[str, Any]:
    baseline = name in {"historical_average", "last_value"}
    return {"color": COLOURS.get(name, "#555555"), "linestyle": "--" if baseline else "-", "linewidth": 1.5}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _label(axes: "Axes", title: str, x: str, y: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.grid(visible=True, axis="y", linewidth=0.4, color="#DDDDDD")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)


def _with_legend(figure: "Figure") -> "Figure":
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False, fontsize=8)
    return figure


def _figure(columns: int) -> tuple["Figure", Sequence["Axes"]]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to import, and only of the train extra

    figure = Figure(figsize=(max(7.5, 4.2 * columns), 4.4), layout="constrained")
    row: Iterable[Axes] = figure.subplots(1, columns, squeeze=False)[0]
    return figure, list(row)


def _png(figure: "Figure") -> bytes:
    image = BytesIO()
    figure.savefig(image, format="png", dpi=DPI)
    return image.getvalue()
