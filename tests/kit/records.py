"""Records of every kind for property tests: those within the limits, and those that a hostile writer may send."""

from dataclasses import is_dataclass
from datetime import datetime, timedelta
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from shared.events.limits import NUMBERS, TEXTS
from shared.events.quantities import EARLIEST, LATEST, SHARE, SPEED, VOLUME
from shared.events.records import Record, TrafficEvent
from shared.events.text import TextLimit, cleaned

KINDS: tuple[type[Any], ...] = get_args(Record)
MILLISECOND = timedelta(milliseconds=1)
GREATEST_DRAWN = 40
"""Characters: longer ones show nothing more, and are slow to draw."""
OF_EVENTS = {"speed_mph": SPEED, "volume_vehicles": VOLUME, "share_observed": SHARE, "occupancy": SHARE}

TIMES = st.integers(0, (LATEST - EARLIEST) // MILLISECOND).map(lambda ms: EARLIEST + ms * MILLISECOND)
ANY_TIMES = st.integers(-62_000_000_000_000, 253_000_000_000_000).map(lambda ms: EARLIEST + ms * MILLISECOND)
NASTY = "\x00\x1b\x7f\x85\u202e\u2066\ufffe\ufeff\u200b\ne\u0301β😀/?#%&+ \t"
ANY_TEXTS = st.one_of(
    st.text(alphabet=st.one_of(st.sampled_from(NASTY), st.characters(exclude_categories=["Cs"])), max_size=30),
    st.sampled_from([NASTY, "x" * 201, "é" * 9_000, "\x7f" * 300, ""]),
)
ANY_FLOATS = st.one_of(st.floats(), st.sampled_from([1.7976931348623157e308, -0.0, 5e-324, 1e15]))


def texts(limit: TextLimit) -> st.SearchStrategy[str]:
    """Texts that a field takes as they are."""
    drawn = st.text(max_size=GREATEST_DRAWN).map(lambda text: cleaned(text, limit.most, prose=limit.prose))
    full = drawn if limit.may_be_empty else drawn.map(lambda text: text or "ß/?#")
    return full.filter(lambda text: limit.fault_of(text) is None)


def within(kind: type[Any], name: str, hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401, PLR0911  a hint has no type; a case each
    """Values of a field of a record within its limits."""
    if isinstance(hint, UnionType):
        return st.one_of(*(within(kind, name, member) for member in get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(within(kind, name, get_args(hint)[0]), max_size=4).map(tuple)
    if isinstance(hint, type) and is_dataclass(hint):
        return records_of(hint)
    plain = getattr(hint, "__supertype__", hint)
    if plain is datetime:
        return TIMES
    if plain is str:
        return texts(TEXTS[name])
    if plain in {int, float}:
        span = OF_EVENTS.get(name, NUMBERS[name]) if kind is TrafficEvent else NUMBERS[name]
        return st.integers(int(span.least), int(span.most)) if plain is int else st.floats(span.least, span.most)
    return st.from_type(hint)


def records_of(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Records of a kind, or parts of such, within the limits."""
    return st.builds(kind, **{name: within(kind, name, hint) for name, hint in get_type_hints(kind).items()})


def anything(hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  a type hint has no type
    """Values of a type as Avro can carry them, whatever they mean."""
    if isinstance(hint, UnionType):
        return st.one_of(*map(anything, get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(anything(get_args(hint)[0]), max_size=4).map(tuple)
    if isinstance(hint, type) and is_dataclass(hint):
        return st.builds(hint, **{name: anything(of) for name, of in get_type_hints(hint).items()})
    plain = getattr(hint, "__supertype__", hint)
    scalars = {datetime: ANY_TIMES, str: ANY_TEXTS, float: ANY_FLOATS, int: st.integers(-(2**31), 2**31 - 1)}
    return scalars.get(plain, st.from_type(hint))


RECORDS: st.SearchStrategy[Any] = st.one_of(*map(records_of, KINDS))
"""Within the limits."""
ANY_RECORDS: st.SearchStrategy[Any] = st.one_of(*map(anything, KINDS))
"""Whatever the schemas allow."""
