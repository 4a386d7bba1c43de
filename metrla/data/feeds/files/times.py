"""The times of a file of readings: clearly times, or refused. Pure."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from shared.events.errors import ConfigurationError
from shared.events.text import quoted

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EPOCHS = {
    "epoch_s": timedelta(seconds=1),
    "epoch_ms": timedelta(milliseconds=1),
    "epoch_us": timedelta(microseconds=1),
}
FIRST_YEAR, LAST_YEAR = 1980, 2100
"""No published reading is older, and row numbers read as epochs lie in 1970."""
ISO = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:\s?(?:Z|[+-]\d\d(?::?\d\d)?))?", re.IGNORECASE
)
NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")


@dataclass(frozen=True, slots=True)
class TimeReading:
    """How the times of a file are written, where they do not say so themselves.

    Attributes:
        form: a pattern of `datetime.strptime`, or one of `EPOCHS`: numbers since 1970 (UTC). `None`: ISO 8601 date and
            time, or what the format of the file prescribes.
        zone: the zone of times without an offset; `None` is the network's.
    """

    form: str | None = None
    zone: ZoneInfo | None = None

    def __post_init__(self) -> None:
        """Raise `ConfigurationError` where `form` is neither an epoch nor a pattern of a whole time."""
        if self.form is None or self.form in EPOCHS:
            return
        if "%Z" in self.form:
            raise ConfigurationError("--time-format: abbreviations of zones (%Z) are ambiguous; name it by --time-zone")
        probe = datetime(2011, 12, 29, 22, 47, tzinfo=UTC)
        try:
            found = datetime.strptime(probe.strftime(self.form), self.form)  # noqa: DTZ007 - any zone is as good
        except (ValueError, re.error) as wrong:
            raise ConfigurationError(f"--time-format {quoted(self.form)}: {wrong}") from wrong
        if found.replace(tzinfo=None) != probe.replace(tzinfo=None):
            raise ConfigurationError(
                f"--time-format {quoted(self.form)} does not give date, hour and minute: write a pattern such as "
                f"'%m/%d/%Y %H:%M:%S', or one of {', '.join(EPOCHS)}"
            )


PLAIN = TimeReading()


def read_times(path: Path, cells: Iterable[object], reading: TimeReading, first_row: int) -> Iterator[datetime]:
    """The times in some cells: naive where they have no offset, else aware.

    Args:
        path: of the file, for the error.
        cells: text, numbers or times, as the file holds them.
        reading: how they are written.
        first_row: number of the first cell's row, for the error; the first row of data is 1.

    Raises:
        ConfigurationError: naming the file and the row whose cell is not clearly a time.
    """
    for row, cell in enumerate(cells, first_row):
        try:
            time = _time(cell, reading.form)
        except (ValueError, OverflowError) as wrong:
            raise ConfigurationError(f"{path}, row {row}: {wrong}") from wrong
        if not FIRST_YEAR <= time.year < LAST_YEAR:
            raise ConfigurationError(
                f"{path}, row {row}: {time} is not between {FIRST_YEAR} and {LAST_YEAR}; are these row numbers, or "
                "is --time-format another?"
            )
        yield time


def extent_of(path: Path, times: Iterable[datetime]) -> tuple[datetime, datetime]:
    """The first and the last of a file's times; raises `ConfigurationError` where there is none."""
    first = last = None
    for time in times:
        first, last = first or time, time
    if first is None or last is None:
        raise ConfigurationError(f"{path}: the table has no rows")
    return first, last


def _time(cell: object, form: str | None) -> datetime:
    if isinstance(cell, datetime) and cell == cell:  # noqa: PLR0124 - NaT is a datetime that is not itself
        return cell
    text = "" if cell is None or cell != cell else str(cell).strip()  # noqa: PLR0124 - NaN
    if not text or text == "NaT":
        raise ValueError("the time is empty")
    if form in EPOCHS:
        if not NUMBER.fullmatch(text):
            raise ValueError(f"{quoted(text)} is not a number, as --time-format {form} says")
        return EPOCH + float(text) * EPOCHS[form]
    if form is not None:
        try:
            return datetime.strptime(text, form)  # noqa: DTZ007 - local unless the pattern has an offset
        except ValueError as wrong:
            raise ValueError(f"{quoted(text)} is not a time of the form {form}") from wrong
    if NUMBER.fullmatch(text):
        raise ValueError(
            f"the first column holds no times but numbers such as {quoted(text)}: if they are seconds since 1970, say "
            "--time-format epoch_s (epoch_ms, epoch_us)"
        )
    if ISO.fullmatch(text):
        try:
            return datetime.fromisoformat(text.upper().replace(" ", "T", 1).replace(" ", "").replace(",", "."))
        except ValueError as wrong:
            raise ValueError(f"{quoted(text)} is no time: {wrong}") from wrong
    raise ValueError(
        f"the first column holds no times of ISO 8601 such as 2012-03-01 00:05 or 2012-03-01T00:05:00-08:00 but "
        f"{quoted(text)}: --time-format (and --time-zone) say how they are written, e.g. '%m/%d/%Y %H:%M'"
    )
