"""What the formats have in common: instants, geometries, and reasons that a person understands. Pure."""

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, TypeVar, get_args

import numpy as np
import shapely
from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from shapely.errors import ShapelyError
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry
from shapely.validation import explain_validity

from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.events.limits import MAX_DESCRIPTION_CHARACTERS, MAX_TITLE_CHARACTERS
from shared.events.quantities import time_in_span
from shared.events.strict_json import read_strict
from shared.events.text import MAX_DERIVED_ID_CHARACTERS, shown
from shared.traffic.network import on_globe

SHOWN_FAULTS = 3
MAX_REASON = 300
UNUSABLE = (ValueError, ShapelyError, ArithmeticError, LookupError, TypeError, AttributeError, RecursionError)
"""What a feature that cannot be used makes the code that reads it raise; pydantic's error is a `ValueError`."""
# Sides whose crossings are counted at once: enough to be quick, few enough that a knot is given up early.
SIDES_AT_ONCE = 100
MIN_RING_POINTS = 4
DIGITS = 9
"""Of the degrees of what is mended: a tenth of a millimetre. Finer differences lead the mending astray."""
MAX_POSITIONS = 20_000
"""Of one geometry; the outline of a state has fewer."""
MAX_MENDED_POSITIONS, MAX_CROSSINGS = 2_000, 200
"""A ring that crosses itself is mended up to here: the work grows with the square of the crossings, to minutes."""
MAX_UNREAD, MAX_FIELD_NAME = 40, 60
MAX_FEATURES = 20_000
"""Of one document: a minute of work at the most, and several times what the largest feeds have."""
MAX_PARTS = 1_000
"""Of one feature, of each kind: references, roads, times."""

Patience = Callable[[], None]
"""Called before each feature; raises `UnreadableAdvisoriesError` when whoever waits has waited long enough."""
_PATIENCE: ContextVar[Patience] = ContextVar("_PATIENCE", default=lambda: None)

_Feature = TypeVar("_Feature")


def _text(value: object) -> object:
    # pydantic would take a number for seconds since 1970, and a publisher's mistake for a date.
    if not isinstance(value, str):
        raise ValueError("should be a time as text, such as 2026-11-03T19:37:00Z")  # noqa: TRY004 - pydantic collects these
    return value.strip()


def checked_instant(value: datetime) -> datetime:
    """An aware time in UTC; raises `ValueError` for one that cannot be meant."""
    if not time_in_span(value):
        raise ValueError(f"the year {value.year} cannot be meant")
    return value.astimezone(UTC)


Instant = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(checked_instant)]
"""A time with an offset, in UTC."""
Span = tuple[datetime, datetime | None]
"""When something begins and ends; `None`: nobody knows yet."""
Text = Annotated[str, Field(min_length=1)]


class Lenient(BaseModel):
    """A part of a document: what is needed is checked, what is not known is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True, str_strip_whitespace=True)


@contextmanager
def patience(patience: Patience) -> Iterator[None]:
    """Read features only for as long as `patience` bears it, here and in what is called from here."""
    token = _PATIENCE.set(patience)
    try:
        yield
    finally:
        _PATIENCE.reset(token)


def numbered(features: Collection[_Feature]) -> Iterator[tuple[int, _Feature]]:
    """Features with their places in the document; raises `UnreadableAdvisoriesError` for too many or too slow ones."""
    if len(features) > MAX_FEATURES:
        raise UnreadableAdvisoriesError(
            f"it has {len(features):,} features, more than {MAX_FEATURES:,}; send it in parts"
        )
    for index, feature in enumerate(features):
        _PATIENCE.get()()
        yield index, feature


def read_json(data: bytes) -> Any:  # noqa: ANN401 - whatever the document is
    """The document; raises `UnreadableAdvisoriesError` where it is no JSON."""
    try:
        return read_strict(data, published=True)
    except (ValueError, RecursionError) as wrong:
        raise UnreadableAdvisoriesError(f"no JSON: {str(wrong)[:MAX_REASON]}") from wrong


def reason_of(invalid: Exception) -> str:
    """Why a feature is rejected, in one line: field and fault."""
    if not isinstance(invalid, ValidationError):
        return str(invalid)[:MAX_REASON] or type(invalid).__name__
    faults = [
        f"{'.'.join(map(str, fault['loc'])) or 'feature'}: {fault['msg'].removeprefix('Value error, ')}"
        for fault in invalid.errors(include_url=False, include_context=False, include_input=False)
    ]
    more = f" (and {len(faults) - SHOWN_FAULTS} more)" if len(faults) > SHOWN_FAULTS else ""
    return "; ".join(faults[:SHOWN_FAULTS])[:MAX_REASON] + more


def unread_fields(value: object, model: type[BaseModel], also: Collection[str] = ()) -> tuple[str, ...]:
    """What a part of a document says that neither its model nor `also` (names with dots) has a field for."""
    return tuple(dict.fromkeys(_unread(value, model, frozenset(also), "")))[:MAX_UNREAD]


def _unread(value: object, model: type[BaseModel], also: frozenset[str], within: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _unread(each, model, also, within)
    if not isinstance(value, Mapping):
        return
    for name, inner in value.items():
        path = f"{within}{field_name(str(name))}"
        if path in also or inner is None or inner in ("", [], {}):
            continue
        known = model.model_fields.get(name)
        if known is None:
            yield path
        elif (part := _model_in(known.annotation)) is not None:
            yield from _unread(inner, part, also, f"{path}.")


def _model_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for inner in get_args(annotation) if (found := _model_in(inner)) is not None), None)


def field_name(text: str) -> str:
    """A name that a publisher chose, fit for a line of a report."""
    return shown(" ".join(text[:MAX_FIELD_NAME].split()))


def id_of(feature: object, *names: str) -> str | None:
    """The id of a feature that may be damaged, for its rejection."""
    if isinstance(feature, Mapping):
        for name in names:
            if isinstance(value := feature.get(name), str | int) and str(value).strip():
                return str(value).strip()[:MAX_DERIVED_ID_CHARACTERS]
    return None


def one_line(*texts: str | None) -> str:
    """The first text that says something, as a title."""
    words = next((text for text in texts if text and text.strip()), "")
    line = " ".join(words.split())
    return line if len(line) <= MAX_TITLE_CHARACTERS else f"{line[: MAX_TITLE_CHARACTERS - 1]}…"


def paragraph(*texts: str | None) -> str:
    """The texts that say something, one after the other."""
    return "\n\n".join(dict.fromkeys(text.strip() for text in texts if text and text.strip()))[
        :MAX_DESCRIPTION_CHARACTERS
    ]


def require_order(starts_at: datetime, ends_at: datetime | None, end_name: str) -> None:
    """Raise `ValueError` where an end does not lie behind its start."""
    if ends_at is not None and ends_at - starts_at <= timedelta(0):
        raise ValueError(f"{end_name}: {ends_at.isoformat()} is not after the start, {starts_at.isoformat()}")


def read_geometry(value: object, kinds: frozenset[str]) -> BaseGeometry:
    """A GeoJSON geometry (RFC 7946) in degrees; raises `ValueError` saying what is wrong with it."""
    if not isinstance(value, Mapping):
        raise ValueError("geometry: there is none")  # noqa: TRY004 - a fault of the document
    kind = value.get("type")
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"geometry.type: {str(kind)[:40]!r} is not one of {', '.join(sorted(kinds))}")
    if kind == "GeometryCollection":
        parts = value.get("geometries")
        if not isinstance(parts, list) or not parts:
            raise ValueError("geometry.geometries: there are none")
        together = shapely.GeometryCollection([read_geometry(part, kinds - {kind}) for part in parts])
        _require_few_positions(together)
        return together
    positions = _positions(value.get("coordinates"))
    if positions > MAX_POSITIONS:
        raise ValueError(f"geometry.coordinates: {positions} positions, more than {MAX_POSITIONS}")
    if kind == "LineString" and positions < 2:  # noqa: PLR2004 - a line has two ends
        raise ValueError("geometry.coordinates: a line needs two positions")
    try:
        geometry = shape(dict(value))
    except (ShapelyError, ValueError, TypeError, IndexError, OverflowError) as wrong:
        raise ValueError(f"geometry.coordinates: not those of a {kind}: {wrong}") from wrong
    return mended(geometry)


def mended(geometry: BaseGeometry) -> BaseGeometry:
    """A valid geometry, also for one that crosses itself; raises `ValueError` where it is a knot, or too large."""
    positions = _require_few_positions(geometry)
    if geometry.is_valid:
        return geometry
    if positions > MAX_MENDED_POSITIONS or _crossings(geometry) > MAX_CROSSINGS:
        where = explain_validity(geometry)[:80]
        raise ValueError(f"geometry.coordinates: they cross each other too often to be mended: {where}")
    try:
        with np.errstate(all="ignore"):  # of positions next to nothing apart; the result says what it is
            valid = shapely.make_valid(shapely.transform(geometry, lambda positions: positions.round(DIGITS)))
    except ShapelyError as wrong:
        raise ValueError(f"geometry.coordinates: {wrong}") from wrong
    if not valid.is_valid:
        raise ValueError(f"geometry.coordinates: they cannot be mended: {explain_validity(geometry)[:80]}")
    return valid


def together(shapes: Collection[BaseGeometry]) -> BaseGeometry | None:
    """All of these in one, `None` where there are none.

    Not their union: where many areas cross each other, that takes minutes, and who asks what lies inside needs none.
    """
    return shapely.GeometryCollection([part for each in shapes for part in shapely.get_parts(each)]) if shapes else None


def _require_few_positions(geometry: BaseGeometry) -> int:
    positions = int(shapely.get_num_coordinates(geometry))
    if positions > MAX_POSITIONS:
        raise ValueError(f"geometry.coordinates: {positions} positions, more than {MAX_POSITIONS}")
    return positions


def _crossings(geometry: BaseGeometry) -> int:
    """How often the segments of its rings and lines touch others than their neighbours; no further than needed."""
    sides: list[BaseGeometry] = []
    for part in shapely.get_parts(geometry):
        rings = [part.exterior, *part.interiors] if isinstance(part, shapely.Polygon) else [part]
        for ring in rings:
            points = shapely.get_coordinates(ring)
            if len(points) > 1:
                sides.extend(np.asarray(shapely.linestrings(np.stack([points[:-1], points[1:]], axis=1)), dtype=object))
    tree = shapely.STRtree(sides)
    found = 0
    for first in range(0, len(sides), SIDES_AT_ONCE):
        pairs = tree.query(sides[first : first + SIDES_AT_ONCE], predicate="intersects")
        # Each side meets itself and its two neighbours, and each pair is found from both ends.
        found += int(pairs.shape[1]) - 3 * min(SIDES_AT_ONCE, len(sides) - first)
        if found > 2 * MAX_CROSSINGS:
            break
    return found // 2


def _positions(coordinates: object, depth: int = 0) -> int:
    """How many positions there are, each of them checked."""
    if not isinstance(coordinates, list) or not coordinates or depth > 4:  # noqa: PLR2004 - a MultiPolygon has four
        raise ValueError("geometry.coordinates: there are none")
    if isinstance(coordinates[0], list):
        return sum(_positions(part, depth + 1) for part in coordinates)
    if len(coordinates) < 2 or not all(  # noqa: PLR2004 - longitude and latitude
        isinstance(number, int | float) and not isinstance(number, bool) for number in coordinates
    ):
        raise ValueError(f"geometry.coordinates: {str(coordinates)[:60]} is no position")
    longitude, latitude = coordinates[:2]
    if not on_globe(latitude, longitude):
        swapped = ", latitude and longitude are swapped" if on_globe(longitude, latitude) else ""
        raise ValueError(f"geometry.coordinates: [{longitude}, {latitude}] is off the globe{swapped}")
    return 1
