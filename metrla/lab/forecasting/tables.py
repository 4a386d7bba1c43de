"""Figures of models as tables for a terminal."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

Json = dict[str, Any]
MEASURES = (("mae", "MAE"), ("rmse", "RMSE"), ("mape", "MAPE"))
WIDTH = 132


def error_table(figures: Json, part: str, title: str) -> Table:
    """One row a model: MAE and RMSE in mph and MAPE in percent, at the horizons that the literature reports."""
    by_model: Json = figures[part]
    shown = list(next(iter(by_model.values())))
    table = _table(title, "MAE and RMSE in mph, MAPE in %; pairs without an actual speed left out")
    table.add_column("model", no_wrap=True)
    for minutes in shown:
        for _, measure in MEASURES:
            table.add_column(f"{minutes} min\n{measure}", justify="right")
    for name, each in by_model.items():
        cells = (_cell(each[minutes][key]) for minutes in shown for key, _ in MEASURES)
        table.add_row(name, *cells, style="bold" if name == figures.get("serving") else None)
    return table


def coverage_table(figures: Json) -> Table:
    """Coverage of the 90 % intervals by horizon, as served and without adaptation, and their calibration error."""
    table = _table("Coverage of the 90 % intervals in %, minutes ahead", "ECE: expected calibration error")
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
    table = _table("MAE in mph by what traffic does between origin and target")
    table.add_column("regime", no_wrap=True)
    table.add_column("ahead", no_wrap=True)
    for name in by_model:
        table.add_column(name.replace("_", "\n"), justify="right")
    for regime in regimes:
        for minutes in next(iter(figures[figures["part"]].values())):
            cells = (_cell(each[regime][minutes]["mae"]) for each in by_model.values())
            table.add_row(regime.replace("_", " "), f"{minutes} min", *cells)
    return table


def robustness_table(figures: Json) -> Table:
    """MAE on disturbed input, of the model that serves: of all forecasts and of those that the disturbance hit."""
    serving, shown = figures["serving"], list(next(iter(figures[figures["part"]].values())))
    table = _table(f"MAE in mph of {serving} on disturbed input", "hit: forecasts whose newest input was disturbed")
    table.add_column("input")
    for which in ("all", "hit"):
        for minutes in shown:
            table.add_column(f"{which}\n{minutes} min", justify="right")
    table.add_column("hit\ncovered, %", justify="right")
    for case in figures["robustness"].values():
        each = case["models"][serving]
        cells = [_cell(each[which][minutes]["mae"]) for which in ("all", "affected") for minutes in shown]
        table.add_row(case["what"], *cells, _cell(each["coverage_90_affected"][shown[-1]], 100, 1))
    return table


def show(tables: Sequence[Table]) -> None:
    """Print tables on standard output, as wide as they need to be where that is no terminal."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    for table in tables:
        console.print(table)


def _table(title: str, caption: str | None = None) -> Table:
    return Table(title=title, caption=caption, title_justify="left", caption_justify="left", box=None, pad_edge=False)


def _percent(by_minutes: Json) -> list[str]:
    return [_cell(value, 100, 1) for value in by_minutes.values()]


def _cell(value: float | None, factor: float = 1.0, digits: int = 2) -> str:
    return "" if value is None else f"{factor * value:.{digits}f}"
