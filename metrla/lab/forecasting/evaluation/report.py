"""An evaluation as one HTML page that needs nothing beside itself. Pure."""

from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from metrla.lab.forecasting.evaluation.results import Json

STYLE = """
:root { color-scheme: light dark; --line: #8884; --quiet: #888; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 76rem; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--line); }
th:first-child, td:first-child { text-align: left; }
tr.serving { font-weight: 600; }
img { max-width: 100%; background: #fff; border-radius: 4px; }
.scroll { overflow-x: auto; } p, figcaption { color: var(--quiet); max-width: 60rem; } figure { margin: 1rem 0; }
details { margin-top: 1rem; }
"""
CAPTIONS = {
    "error-by-horizon": "Mean absolute error over all pairs of origin and sensor.",
    "error-by-hour": "The hour is that of the forecast window, in local time.",
    "error-by-regime": "Congested is below 70 % of the free-flow speed, the 85th percentile of the training part.",
    "error-by-sensor": "Each model's sensors in order of their error.",
    "coverage": "The band is 88 to 92 %.",
    "reliability": "On the diagonal a score of 0.8 is right in 80 % of the cases. Regimes are those forecast.",
    "robustness": "Only the forecasts are counted whose newest input was taken away, held or unknown.",
}
WORST = 20


def page(results: Json, images: Mapping[str, bytes]) -> str:
    """The whole page."""
    shown = list(next(iter(results[results["part"]].values())))
    title = f"Evaluation of {results['network_id']}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f"<p>{escape(_summary(results))}</p>",
        _section("Errors", _errors(results, shown), images, "error-by-horizon"),
        _section("By regime", _by_group(results["regimes"], shown), images, "error-by-regime"),
        _section("By hour", "", images, "error-by-hour"),
        _section("By sensor", _worst(results, shown), images, "error-by-sensor"),
    ]
    if results.get("calibration"):
        parts.append(_section("Intervals", _coverage(results), images, "coverage"))
        parts.append(_section("Confidence", _confidence(results), images, "reliability"))
    if results.get("robustness"):
        parts.append(_section("Disturbed input", _robustness(results, shown), images, "robustness"))
    parts.append(_models(results))
    body = "\n".join(parts)
    return (
        f'<!doctype html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{STYLE}</style></head>\n'
        f"<body>\n{body}\n</body>\n</html>\n"
    )


def _summary(results: Json) -> str:
    data = results["data"]
    return (
        f"{data['source']}, {results['part']} part: {results['origins']:,} origins"
        f" from {results['first_origin']} to {results['last_origin']}."
        " Errors are averages over all pairs of origin and sensor with an actual speed (MAE, RMSE in mph, MAPE in %)."
    )


def _section(title: str, table: str, images: Mapping[str, bytes], image: str) -> str:
    figure = ""
    if image in images:
        source = f"data:image/png;base64,{b64encode(images[image]).decode()}"
        caption = escape(CAPTIONS[image])
        figure = f'<figure><img src="{source}" alt="{escape(title)}"><figcaption>{caption}</figcaption></figure>'
    return f"<h2>{escape(title)}</h2>\n{table}\n{figure}"


def _errors(results: Json, shown: Sequence[str]) -> str:
    head = ["model", *(f"{minutes} min {measure}" for minutes in shown for measure in ("MAE", "RMSE", "MAPE"))]
    rows = [
        [name, *(_cell(each[minutes][key]) for minutes in shown for key in ("mae", "rmse", "mape"))]
        for name, each in results[results["part"]].items()
    ]
    return _table(head, rows, results["serving"])


def _by_group(groups: Json, shown: Sequence[str]) -> str:
    names = list(next(iter(groups.values())))
    head = ["model", *(f"{name.replace('_', ' ')} {minutes} min" for name in names for minutes in shown)]
    rows = [
        [model, *(_cell(each[name][minutes]["mae"]) for name in names for minutes in shown)]
        for model, each in groups.items()
    ]
    return _table(head, rows)


def _worst(results: Json, shown: Sequence[str]) -> str:
    sensors, longest = results["sensors"][results["serving"]], shown[-1]
    worst = sorted(sensors, key=lambda sensor: -(sensors[sensor][longest]["mae"] or 0.0))[:WORST]
    head = ["sensor", *(f"{minutes} min MAE" for minutes in shown)]
    rows = [[sensor, *(_cell(sensors[sensor][minutes]["mae"]) for minutes in shown)] for sensor in worst]
    return f"<details><summary>The {len(rows)} hardest sensors</summary>{_table(head, rows)}</details>"


def _coverage(results: Json) -> str:
    minutes = list(results["coverage_90"])
    head = ["coverage, %", *(f"{each} min" for each in minutes)]
    rows = [
        [name, *(_cell(each["coverage_90"][one], 100) for one in minutes)]
        for name, each in results["calibration"].items()
    ]
    rows.append(
        [f"{results['serving']}, not adapted", *(_cell(results["coverage_90_offline"][one], 100) for one in minutes)]
    )
    widths = [
        [f"{name}, width in mph", *(_cell(each["width_mph"][one]) for one in minutes)]
        for name, each in results["calibration"].items()
    ]
    return _table(head, [*rows, *widths], results["serving"])


def _confidence(results: Json) -> str:
    head = ["model", "expected calibration error"]
    return _table(head, [[name, _cell(each["ece"], 1, 4)] for name, each in results["calibration"].items()])


def _robustness(results: Json, shown: Sequence[str]) -> str:
    head = ["input", "model", *(f"{minutes} min {which}" for which in ("all", "affected") for minutes in shown)]
    head.append("coverage of affected, %")
    rows = [
        [
            case["what"],
            name,
            *(_cell(each[which][minutes]["mae"]) for which in ("all", "affected") for minutes in shown),
            _cell(each["coverage_90_affected"][shown[-1]], 100),
        ]
        for case in results["robustness"].values()
        for name, each in case["models"].items()
    ]
    return _table(head, rows)


def _models(results: Json) -> str:
    rows = [[name, each["version"], each.get("created_at", "")] for name, each in results["models"].items()]
    return f"<h2>Models</h2>{_table(['model', 'version', 'made'], rows)}"


def _table(head: Iterable[str], rows: Iterable[Sequence[str]], serving: str = "") -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    lines = [
        f"<tr{' class=serving' if row[0] == serving else ''}>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>"
        for row in rows
    ]
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _cell(value: float | None, factor: float = 1.0, digits: int = 2) -> str:
    return "" if value is None else f"{factor * value:.{digits}f}"
