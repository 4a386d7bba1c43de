"""What must hold of whatever the product accepts from outside, said without the product's own rules."""

import unicodedata
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import datetime, timedelta
from typing import Any

from shared.events.avro import decode, encode
from shared.events.records import Record

LONGEST_TEXT = 32_000
WHITESPACE = "\n\r\t"
BIDI = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
A_DAY = timedelta(days=1)
MAX_MESSAGE_BYTES = 1_000_000


def text_fault(text: str) -> str | None:
    """What of a text cannot be stored, sent or shown everywhere; `None` where all can."""
    for character in text:
        category = unicodedata.category(character)
        if category == "Cc" and character not in WHITESPACE:
            return "a control character"
        if category == "Cs":
            return "an unpaired surrogate"
        if character in BIDI:
            return "a change of direction"
        if (ord(character) & 0xFFFE) == 0xFFFE or "\ufdd0" <= character <= "\ufdef":
            return "a noncharacter"
    return f"more than {LONGEST_TEXT} characters" if len(text) > LONGEST_TEXT else None


def demand_clean(text: str) -> None:
    """Fail where an accepted text has such a fault."""
    fault = text_fault(text)
    assert fault is None, f"accepted text has {fault}: {text!r:.80}"


def values_of(record: object) -> Iterator[Any]:
    """Every scalar in a record."""
    if is_dataclass(record):
        for field in fields(record):
            yield from values_of(getattr(record, field.name))
    elif isinstance(record, tuple | list):
        for each in record:
            yield from values_of(each)
    else:
        yield record


def demand_sound(record: Record) -> None:
    """Fail unless a record that was accepted can be encoded, read back, stored anywhere and computed with."""
    for value in values_of(record):
        if isinstance(value, str):
            demand_clean(value)
        elif isinstance(value, datetime):
            assert value - A_DAY < value + A_DAY  # raises where the calendar ends
    data = encode(record)
    assert len(data) <= MAX_MESSAGE_BYTES, f"an accepted record makes too large a message: {len(data)} bytes"
    assert decode(type(record), data) is not None
