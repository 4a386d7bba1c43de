"""Figures of models as tables: what `metrla train` and `metrla evaluate` print."""

from typing import Any

from rich.table import Table

from metrla.cli.tables import plain_table

Json = dict[str, Any]
BASELINES = ("last_value", "historical_average", "xgboost")
"""What a model that serves has to be worth more than: two that need no training, and what most would train."""
MEASURES = (("mae", "MAE"), ("rmse", "RMSE"), ("mape", "MAPE"))


def error_table(figures: Json, part: str, title: str) -> Table:
    """One row a model: MAE and RMSE in mph and MAPE in percent, at the horizons that the literature reports."""
    by_model: Json = figures[part]
    shown = list(next(iter(by_model.values())))
    table = plain_table(title=title, caption="MAE and RMSE in mph, MAPE in %; pairs without an actual speed left out")
    table.add_column("model", no_wrap=True)
    for minutes in shown:
        for _, measure in MEASURES:
            table.add_column(f"{minutes} min\n{measure}", justify="right")
    for name, each in by_model.items():
        cells = (_cell(each[minutes][key]) for minutes in shown for key, _ in MEASURES)
        table.add_row(name, *cells, style="bold" if name == figures.get("serving") else None)
    return table


def gain_table(figures: Json, part: str) -> Table:
    """How much less the model that serves is off than others, and whether it is: by minutes ahead."""
    by_model, serving = figures["horizons"], figures["serving"]
    others = [name for name in BASELINES if name in by_model and name != serving]
    table = plain_table(title=f"What {serving} gains on the {part} part, MAE", caption="A minus: it is worse")
    table.add_column("minutes\nahead", justify="right")
    table.add_column(f"{serving}\nmph", justify="right")
    for name in others:
        table.add_column(f"{name}\nmph", justify="right")
        table.add_column("gain\n%", justify="right")
    for minutes, each in by_model[serving].items():
        mine, cells = each["mae"], []
        for name in others:
            theirs = by_model[name][minutes]["mae"]
            gain = None if mine is None or not theirs else 1 - mine / theirs
            cells += [_cell(theirs), _cell(gain, 100, 1)]
        table.add_row(minutes, _cell(mine), *cells)
    return table


def coverage_table(figures: Json) -> Table:
    """Coverage of the 90 % intervals by horizon, as served and without adaptation, and their calibration error."""
    table = plain_table(
        title="Coverage of the 90 % intervals in %, by minutes ahead", caption="ECE: expected calibration error"
    )
    table.add_column("model", no_wrap=True)
    for minutes in figures["coverage_90"]:
        table.add_column(minutes, justify="right")
    table.add_column("ECE", justify="right")
    for name, each in figures["calibration"].items():
        table.add_row(name, *_percent(each["coverage_90"]), _cell(each["ece"], digits=3))
    serving = figures["serving"]
    table.add_row(f"{serving}, not adapted", *_percent(figures["coverage_90_offline"]), "", style="dim")
    return table


def regime_table(figures: Json) -> Table:
    """MAE by regime."""
    by_model: Json = figures["regimes"]
    regimes = list(next(iter(by_model.values())))
    table = plain_table(title="MAE in mph by what traffic does between origin and target")
    table.add_column("regime", no_wrap=True)
    table.add_column("ahead", no_wrap=True)
    for name in by_model:
        table.add_column(name.replace("_", "\n"), justify="right")
    for regime in regimes:
        for minutes in next(iter(figures[figures["part"]].values())):
            cells = (_cell(each[regime][minutes]["mae"]) for each in by_model.values())
            table.add_row(regime.replace("_", " "), f"{minutes} min", *cells)
    return table


def certainty_table(figures: Json) -> Table:
    """Coverage and width of the served intervals by regime, and how early congestion was forecast."""
    serving = figures["serving"]
    mine, congestion = figures["calibration"][serving], figures["congestion"][serving]
    lead = _cell(congestion["lead_minutes"], digits=1)
    table = plain_table(
        title=f"Intervals of {serving} by regime, and its chances of congestion, by minutes ahead",
        caption=f"warned: congestion began and had a chance of one half or more; mean lead {lead} minutes",
    )
    table.add_column("what", no_wrap=True)
    for minutes in figures["coverage_90"]:
        table.add_column(minutes, justify="right")
    for regime, coverage in mine["coverage_90_by_regime"].items():
        table.add_row(f"{regime.replace('_', ' ')}: covered, %", *_percent(coverage))
    for regime, widths in mine["width_mph_by_regime"].items():
        table.add_row(f"{regime.replace('_', ' ')}: width, mph", *(_cell(each, digits=1) for each in widths.values()))
    table.add_row("pinball loss, mph", *(_cell(each) for each in mine["pinball_mph"].values()))
    for name, key in (("Brier score", "brier"), ("Brier score of the share", "brier_of_the_share")):
        table.add_row(name, *(_cell(each, digits=3) for each in congestion[key].values()))
    table.add_row("beginnings warned of, %", *_percent(congestion["warned"]))
    table.add_row("warnings in vain, %", *_percent(congestion["in_vain"]))
    return table


def robustness_table(figures: Json) -> Table:
    """MAE on disturbed input, of the model that serves: of all forecasts and of those that the disturbance hit.

    Beside these the historical average's MAE there, and what the model says of itself at the furthest horizon.
    """
    serving, shown = figures["serving"], list(next(iter(figures[figures["part"]].values())))
    table = plain_table(
        title=f"MAE in mph of {serving} on disturbed input", caption="hit: forecasts whose newest input was disturbed"
    )
    table.add_column("input")
    for which in ("all", "hit"):
        for minutes in shown:
            table.add_column(f"{which}\n{minutes} min", justify="right")
    table.add_column(f"hit, usual\n{shown[0]} min", justify="right")
    table.add_column(f"hit, covered\n{shown[-1]} min, %", justify="right")
    table.add_column(f"hit, width\n{shown[-1]} min", justify="right")
    table.add_column(f"hit, confidence\n{shown[-1]} min, %", justify="right")
    for case in figures["robustness"].values():
        each = case["models"][serving]
        cells = [_cell(each[which][minutes]["mae"]) for which in ("all", "affected") for minutes in shown]
        usual = case["models"].get("historical_average")
        cells.append("" if usual is None else _cell(usual["affected"][shown[0]]["mae"]))
        cells.append(_cell(each["coverage_90_affected"][shown[-1]], 100, 1))
        cells.append(_cell(each["width_affected_mph"][shown[-1]], 1, 1))
        cells.append(_cell(each["confidence_affected"][shown[-1]], 100, 1))
        table.add_row(case["what"], *cells)
    return table


def _percent(by_minutes: Json) -> list[str]:
    return [_cell(value, 100, 1) for value in by_minutes.values()]


def _cell(value: float | None, factor: float = 1.0, digits: int = 2) -> str:
    return "" if value is None else f"{factor * value:.{digits}f}"
