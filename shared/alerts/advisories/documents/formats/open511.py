"""Road events: Open511 1.0 (open511.org). Pure.

Times of a schedule are local: in the event's own time zone where it names one, else in that of the network. A
schedule that recurs, or has several intervals, becomes one advisory for each time that it holds within a week.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from shared.alerts.advisories.documents.draft import (
    DocumentFormat,
    Draft,
    Parsed,
    Rejected,
    Unread,
    UnreadableAdvisoriesError,
)
from shared.alerts.advisories.documents.formats.open511_xml import FAULT
from shared.alerts.advisories.documents.formats.reading import (
    MAX_PARTS,
    UNUSABLE,
    Instant,
    Lenient,
    Span,
    Text,
    id_of,
    numbered,
    one_line,
    paragraph,
    read_geometry,
    reason_of,
    require_order,
    unread_fields,
)
from shared.alerts.advisories.documents.roads import Road, direction_of, read_road
from shared.events.quantities import time_in_span
from shared.events.records import AdvisoryType, AlertSeverity
from shared.events.zones import read_zone

GEOMETRIES = frozenset({
    "Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"
})  # fmt: skip
ALSO_READ = frozenset({"geography"})
TYPES = {
    "CONSTRUCTION": AdvisoryType.CONSTRUCTION,
    "SPECIAL_EVENT": AdvisoryType.EVENT,
    "WEATHER_CONDITION": AdvisoryType.WEATHER,
    "ROAD_CONDITION": AdvisoryType.WEATHER,
}
SEVERITIES = {
    "SEVERE": AlertSeverity.CRITICAL,
    "MAJOR": AlertSeverity.HIGH,
    "MODERATE": AlertSeverity.MEDIUM,
    "MINOR": AlertSeverity.LOW,
    "UNKNOWN": AlertSeverity.LOW,
}
BEFORE, AHEAD = timedelta(days=1), timedelta(days=7)
"""What recurs is written down from a day ago to a week ahead; a feed that is watched goes on from there."""
EVERY_DAY = (1, 2, 3, 4, 5, 6, 7)


class _Recurring(Lenient):
    start_date: date
    end_date: date | None = None
    daily_start_time: time = time(0)
    daily_end_time: time | None = None
    days: tuple[Annotated[int, Field(ge=1, le=7)], ...] = EVERY_DAY


class _Schedule(Lenient):
    intervals: Annotated[tuple[str, ...], Field(max_length=MAX_PARTS)] = ()
    recurring_schedules: Annotated[tuple[_Recurring, ...], Field(max_length=MAX_PARTS)] = ()


class _Road(Lenient):
    name: Text
    direction: str | None = None


class _Event(Lenient):
    id: Text
    status: Literal["ACTIVE", "ARCHIVED"]
    headline: Text
    event_type: Text
    severity: Literal["SEVERE", "MAJOR", "MODERATE", "MINOR", "UNKNOWN"] = "UNKNOWN"
    description: str | None = None
    created: Instant | None = None
    updated: Instant | None = None
    timezone: str | None = None
    jurisdiction_url: str | None = None
    roads: Annotated[tuple[_Road, ...], Field(max_length=MAX_PARTS)] = ()
    schedule: _Schedule | None = None


def is_open511(document: object) -> bool:
    """Whether a JSON document looks like one of these."""
    return isinstance(document, Mapping) and isinstance(document.get("events"), list)


def parse(document: object, time_zone: ZoneInfo, now: datetime) -> Parsed:
    """The events of a document; raises `UnreadableAdvisoriesError` where it is none as a whole.

    Args:
        document: the JSON.
        time_zone: of schedules whose event names none.
        now: around which recurring schedules are written down, UTC.
    """
    if not isinstance(document, Mapping) or not isinstance(events := document.get("events"), list):
        raise UnreadableAdvisoriesError("no Open511 document: an object with a list of `events` is needed")
    drafts: list[Draft] = []
    rejected: list[Rejected] = []
    unread: list[Unread] = []
    seen: dict[str, int] = {}
    for index, value in numbered(events):
        try:
            event = _Event.model_validate(value)
            if event.id in seen:
                raise ValueError(f"id: appears twice, first at event {seen[event.id]}")
            drafts.extend(_drafts(index, event, value, time_zone, now))
            seen[event.id] = index
            if fields := unread_fields(value, _Event, ALSO_READ):
                unread.append(Unread(index, event.id, fields))
        except UNUSABLE as wrong:
            rejected.append(Rejected(index, id_of(value, "id"), reason_of(wrong)))
    return Parsed(DocumentFormat.OPEN511, len(events), tuple(drafts), tuple(rejected), tuple(unread))


def _drafts(index: int, event: _Event, value: Any, time_zone: ZoneInfo, now: datetime) -> Iterable[Draft]:  # noqa: ANN401 - the JSON of the event
    advisory_type = TYPES.get(event.event_type.upper())
    if advisory_type is None:
        known = ", ".join(TYPES)
        raise ValueError(f"event_type: {event.event_type[:40]!r} is none that comes as an advisory ({known})")
    over = event.status == "ARCHIVED"
    place = value.get("geography")
    if isinstance(place, Mapping) and (fault := place.get(FAULT)) is not None:
        raise ValueError(f"geography: {fault}")
    geometry = None if over else read_geometry(place, GEOMETRIES)
    spans = list(_spans(event, _zone(event, time_zone), now))
    if not spans and not over:
        raise ValueError(f"schedule: nothing from {now - BEFORE:%Y-%m-%d} to {now + AHEAD:%Y-%m-%d}")
    several = len(spans) > 1 or bool(event.schedule and event.schedule.recurring_schedules)
    for start, end in spans or [(event.updated or now, None)]:
        yield Draft(
            index=index,
            scope=event.jurisdiction_url or "",
            publisher_id=event.id,
            chain_id=f"{event.id}@{start:%Y%m%dT%H%MZ}" if several else event.id,
            advisory_type=advisory_type,
            title=one_line(event.headline),
            description=paragraph(event.description),
            severity=SEVERITIES[event.severity],
            starts_at=start,
            ends_at=end,
            geometry=geometry,
            source=(event.jurisdiction_url or event.id.rpartition("/")[0] or "Open511")[:200],
            roads=tuple(_roads(event.roads)),
            updated_at=event.updated or event.created,
            withdrawn=over,
        )


def _roads(roads: Sequence[_Road]) -> Iterator[Road]:
    for road in roads:
        told = (road.direction or "").upper()
        # NONE is 'not applicable' and BOTH is both; letters stand for the carriageways that are touched.
        yield read_road(road.name, direction_of(told))


def _zone(event: _Event, time_zone: ZoneInfo) -> ZoneInfo:
    if not event.timezone:
        return time_zone
    try:
        return read_zone(event.timezone)
    except ValueError as unknown:
        raise ValueError(f"timezone: {event.timezone[:40]!r} is none") from unknown


def _spans(event: _Event, zone: ZoneInfo, now: datetime) -> Iterator[Span]:
    schedule = event.schedule
    if schedule is None or not (schedule.intervals or schedule.recurring_schedules):
        yield event.created or event.updated or now, None
        return
    for text in schedule.intervals:
        yield _interval(text, zone)
    for each in schedule.recurring_schedules:
        yield from _occurrences(each, zone, now)


def _interval(text: str, zone: ZoneInfo) -> Span:
    start, slash, end = text.partition("/")
    if not slash:
        raise ValueError(f"schedule.intervals: {text[:60]!r} is not start/end")
    span = _instant(start, zone), _instant(end, zone) if end.strip() else None
    require_order(*span, "schedule.intervals")
    return span


def _instant(text: str, zone: ZoneInfo) -> datetime:
    try:
        told = datetime.fromisoformat(text.strip().removesuffix("T"))
    except ValueError as wrong:
        raise ValueError(f"schedule.intervals: {text[:60]!r} is no time") from wrong
    aware = told if told.tzinfo else told.replace(tzinfo=zone)
    if not time_in_span(aware):
        raise ValueError(f"schedule.intervals: the year {told.year} cannot be meant")
    return aware.astimezone(UTC)


def _occurrences(schedule: _Recurring, zone: ZoneInfo, now: datetime) -> Iterator[Span]:
    until = schedule.end_date or (now + AHEAD).date()
    day = max(schedule.start_date, (now - BEFORE).astimezone(zone).date())
    last = min(until, (now + AHEAD).astimezone(zone).date())
    while day <= last:
        if day.isoweekday() in schedule.days:
            start = datetime.combine(day, schedule.daily_start_time.replace(tzinfo=None), zone)
            end_time = (schedule.daily_end_time or time(0)).replace(tzinfo=None)
            overnight = end_time <= schedule.daily_start_time.replace(tzinfo=None)
            end = datetime.combine(day + timedelta(days=overnight), end_time, zone)
            yield start.astimezone(UTC), end.astimezone(UTC)
        day += timedelta(days=1)
