"""Logs of incidents, as the California Highway Patrol's are published beside PeMS data."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from metrla.data.importing.freeways import freeway_and_direction
from metrla.data.importing.table import read_table
from metrla.lab.incidents.measures import Measures
from metrla.lab.incidents.truth import LoggedIncident
from shared.events.errors import ConfigurationError
from shared.events.text import quoted

COLUMNS = {
    "start": ("Start Time",),
    "duration": ("Duration (mins)", "Duration"),
    "freeway": ("fwy",),
    "direction": ("dir",),
    "postmile": ("Abs_PM", "absolute_postmile"),
    "description": ("Description",),
}
DERIVED = ("AbnormalTraffic",)
"""National Highways' records that are made, in part, from the journey times that they are held against."""
MOST_NOTES = 12
TIME_FORMATS = ("%m-%d-%y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


@dataclass(frozen=True, slots=True)
class IncidentLog:
    """What a log gave: its rows that can be used, and one line for each kind of row that cannot, or not as it is."""

    rows: tuple[LoggedIncident, ...]
    notes: tuple[str, ...]


def read_log(path: Path, measures: Measures) -> IncidentLog:
    """Rows on the network's carriageways on the days of the measures; what is left out is counted, with its reason.

    Times are as the network's clock shows them. A negative duration is unknown.

    Raises:
        ConfigurationError: not a table of incidents, or no row of it can be used.
    """
    table = read_table(path, COLUMNS, ("start", "freeway", "postmile"), ())
    roads = {name: name for name in measures.road.road_names}
    for sensor in measures.road.sensors:
        roads.setdefault(_plain(*freeway_and_direction(sensor.freeway, sensor.direction)), sensor.road_name)
    log, left_out, times = list[LoggedIncident](), Counter[str](), list[datetime]()
    end = len(measures.speed_mph) * measures.window_minutes
    for number, row in enumerate(table.rows):
        postmile, minutes = table.number(number, "postmile"), table.number(number, "duration")
        times.append(_time(path, number, row["start"]))
        start = measures.minutes(times[-1])
        try:
            freeway, direction = freeway_and_direction(row["freeway"], row.get("direction", ""))
        except ValueError:
            left_out[f"of no direction of travel ({quoted(row.get('direction', ''))})"] += 1
            continue
        road_name = roads.get(_plain(freeway, direction))
        if not freeway or postmile is None:
            left_out["without a freeway or a postmile"] += 1
        elif not 0 <= start < end:
            left_out["before or after the speeds"] += 1
        elif road_name is None:
            left_out[f"on a carriageway that the network does not have ({quoted(row['freeway'])})"] += 1
        else:
            log.append(
                LoggedIncident(
                    road_name=road_name,
                    travel_miles=-postmile if direction in {"S", "W"} else postmile,
                    start_minutes=start,
                    duration_minutes=minutes if minutes is not None and minutes >= 0 else None,
                    description=row.get("description", ""),
                    row=number + 1,
                    derived=row.get("description", "").startswith(DERIVED),
                )
            )
    notes = [
        f"left out: {count:,} of {len(times):,} rows {reason}" for reason, count in left_out.most_common(MOST_NOTES)
    ]
    others = left_out.total() - sum(count for _, count in left_out.most_common(MOST_NOTES))
    notes += [f"left out: {others:,} further rows"] if others else []
    odd = [table.number(number, "duration") for number in range(len(times))]
    for what, count in (
        (
            "a negative duration, which is taken for unknown",
            sum(minutes is not None and minutes < 0 for minutes in odd),
        ),
        ("a duration of zero", sum(minutes == 0 for minutes in odd)),
    ):
        notes += [f"rows with {what}: {count:,}"] if count else []
    if not log:
        raise ConfigurationError(f"{path}: no row that can be used. {_why_none(times, measures, notes)}")
    return IncidentLog(tuple(log), tuple(notes))


def _why_none(times: Sequence[datetime], measures: Measures, notes: Sequence[str]) -> str:
    if not times:
        return "It is empty"
    days = f"{min(times):%Y-%m-%d} to {max(times):%Y-%m-%d}"
    last = measures.start + timedelta(days=len(measures.weekend) - 1)
    if max(times) < measures.start or min(times) > last + timedelta(days=1):
        return f"It is of {days}, the speeds are of {measures.start:%Y-%m-%d} to {last:%Y-%m-%d}"
    return "; ".join(notes)


def _plain(freeway: str, direction: str) -> str:
    return f"{freeway} {direction}".strip()


def _time(path: Path, number: int, text: str) -> datetime:
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - local by definition of the file
        except ValueError:
            continue
    raise ConfigurationError(f"{path}, row {number + 1}: {quoted(text)} is not a time such as 01-31-22 23:55")
