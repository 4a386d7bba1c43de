"""Logs of incidents, as the California Highway Patrol's are published beside PeMS data."""

from datetime import datetime
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
TIME_FORMATS = ("%m-%d-%y %H:%M", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")


def read_log(path: Path, measures: Measures) -> list[LoggedIncident]:
    """Rows with a carriageway and a postmile, times as the network's clock shows them; others are left out."""
    table = read_table(path, COLUMNS, ("start", "freeway", "postmile"), ())
    log = []
    for number, row in enumerate(table.rows):
        postmile, minutes = table.number(number, "postmile"), table.number(number, "duration")
        try:
            freeway, direction = freeway_and_direction(row["freeway"], row.get("direction", ""))
        except ValueError:  # of no direction of travel, so of no carriageway
            continue
        if not freeway or postmile is None:
            continue
        log.append(
            LoggedIncident(
                road_name=f"{freeway} {direction}".strip(),
                travel_miles=-postmile if direction in {"S", "W"} else postmile,
                start_minutes=measures.minutes(_time(path, number, row["start"])),
                duration_minutes=minutes if minutes is not None and minutes >= 0 else None,
                description=row.get("description", ""),
                row=number + 1,
                derived=row.get("description", "").startswith(DERIVED),
            )
        )
    return log


def _time(path: Path, number: int, text: str) -> datetime:
    for form in TIME_FORMATS:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - local by definition of the file
        except ValueError:
            continue
    raise ConfigurationError(f"{path}, row {number + 1}: {quoted(text)} is not a time such as 01-31-22 23:55")
