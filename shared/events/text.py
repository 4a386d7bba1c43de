"""The one type of text: what may come in, how it is cleaned, how it is shown. Pure.

Text is in Unicode's composed form (NFC) and holds only what can be encoded, stored and shown: no control characters, no
unpaired surrogates, no noncharacters, nothing that reverses or hides what stands beside it, and something that can be
seen. Ids are single lines of any printable characters, with any punctuation, and without characters that are not seen:
two ids that look the same are the same. Prose may have line breaks and tabs.

Length is that of the text as it is kept, since composing makes some texts shorter and others longer (the composition
exclusions of Unicode, such as U+0958). What is kept is a fixed point: every reader takes it unchanged.

What a person or program sends to us as its own (an API request, an event) is refused where it breaks this; what others
publish for everybody (documents, records that are on the log already) is cleaned: `cleaned` says by which rule.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final
from unicodedata import is_normalized, normalize

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, PydanticKnownError, core_schema

MAX_ID_CHARACTERS: Final = 200
"""Of an id that somebody gives: three of them, with four bytes a character, fit a key of PostgreSQL (2,704 bytes)."""
MAX_DERIVED_ID_CHARACTERS: Final = 3 * MAX_ID_CHARACTERS
"""Of an id that we make of others: an alert's has those of its network and its sensor, its kind and its time."""
MAX_NETWORK_ID_BYTES: Final = 200
"""Of the id of a network, percent-encoded: it names a folder of the archive, and file systems allow 255 bytes."""
LINE_CHARACTERS: Final = 200
"""Of what an error says, where it is one part of one line."""
QUOTED_CHARACTERS: Final = 60
"""Of a value that a sentence quotes."""

# Python's `str.isprintable` would forbid what Unicode added after the interpreter was built, and joiners of words.
_BROKEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters, but for tab and line breaks
    "\u200b\u2060-\u2064\ufeff\ufff9-\ufffb"  # not seen
    "\u2028\u2029"  # line breaks to some
    "\u202a-\u202e\u2066-\u2069"  # turn the direction of what follows
    "\ud800-\udfff"  # halves of a pair
    "\ufdd0-\ufdef"  # noncharacters, as the last two of each plane
    + "".join(f"{chr(plane + 0xFFFE)}{chr(plane + 0xFFFF)}" for plane in range(0, 0x110000, 0x10000))
)
# Default_Ignorable_Code_Point (Unicode 15.1, DerivedCoreProperties) that no script needs: fillers that look like a
# space or like nothing, deprecated controls, tags, which hide ASCII.
_UNSEEN = (
    "\u115f\u1160\u17b4\u17b5\u180e\u2065\u206a-\u206f\u3164\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# The rest of that property: joiners, marks of direction, variation selectors. Texts of many scripts, and emoji, need
# them. Ids go without: with and without one, they look the same. Only between letters of a script that joins them a
# joiner changes what is seen (the rule CONTEXTJ of IDNA, RFC 5892, has that by single letters).
_JOINERS = "\u200c\u200d"
_MARKS = "\u00ad\u034f\u061c\u180b-\u180d\u180f\u200e\u200f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_JOINED = "\u0620-\u06ff\u0750-\u077f\u08a0-\u0dff\u1000-\u109f\u1780-\u17b3\u17b6-\u17dd"
_IN_PROSE = re.compile(f"[{_BROKEN}{_UNSEEN}]")
_IN_LINE = re.compile(f"[{_BROKEN}{_UNSEEN}\t\n\r]")
_IN_ID = re.compile(f"[{_BROKEN}{_UNSEEN}{_MARKS}\t\n\r]|(?<![{_JOINED}])[{_JOINERS}]|[{_JOINERS}](?![{_JOINED}])")
_SEEN = re.compile(f"[^\\s{_BROKEN}{_UNSEEN}{_MARKS}{_JOINERS}]")
_GROWTH: Final = 4
"""Composing makes one character of four at most."""
_MOST_GROWTH: Final = 2_000
"""The work of composing grows with the square of a run of accents."""
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SPACES = re.compile("[\t\n\r\u2028\u2029]+")
_BACK = re.compile("\r(?!\n)")
_NEW_LINES = re.compile("\r\n?|[\u2028\u2029\x85]")


def fault_of(text: str, most: int, *, prose: bool = False, is_id: bool = False) -> str | None:
    """What is wrong with a text of up to `most` characters once it is composed; `None` where nothing is."""
    length = len(text)
    if text.isascii() and text.isprintable():
        return None if length <= most else _too_long(length, most)
    if length > most_written(most):
        return _too_long(length, most)
    found = (_IN_ID if is_id else _IN_PROSE if prose else _IN_LINE).search(text)
    if found is not None:
        return f"has U+{ord(found[0]):04X} at character {found.start() + 1}, which is not printable"
    if (length := len(composed(text))) > most:
        return _too_long(length, most)
    return None


def most_written(most: int) -> int:
    """How many characters a text may have as it is written, if `most` of it are kept; no more are looked at."""
    return min(_GROWTH * most, most + _MOST_GROWTH)


def _too_long(length: int, most: int) -> str:
    return f"has {length:,} characters, at most {most:,} are allowed"


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC), which two ways to write one letter share."""
    return text if text.isascii() or is_normalized("NFC", text) else normalize("NFC", text)


def percent_encoded_bytes(text: str) -> int:
    """How long the text is where everything but ASCII letters, digits and `-._~` is percent-encoded (RFC 3986)."""
    return sum(1 if byte in _UNRESERVED else 3 for byte in text.encode(errors="surrogatepass"))


def cleaned(text: str, most: int, *, prose: bool = False) -> str:
    """The text without what `fault_of` finds: composed and cut to `most` characters.

    Line breaks and tabs become spaces where it is to be one line; all else that may not be in a text is left out.
    """
    if text.isascii() and text.isprintable():
        return text[:most]
    # Cut before the work: composing a long run of accents takes time that grows with its square.
    rough = text[: 2 * most]
    rough = _NEW_LINES.sub("\n", rough) if prose else _SPACES.sub(" ", rough)
    return composed((_IN_PROSE if prose else _IN_LINE).sub("", rough))[:most]


def shown(text: str) -> str:
    r"""The text as a terminal or a header can carry it: what is not printable is escaped, as \u001b; lines stay."""
    if text.isascii() and text.isprintable():
        return text
    # Where no new line follows, it takes a terminal back to the beginning of the line, which the rest then overwrites.
    text = _BACK.sub(r"\\u000d", text)
    return _IN_PROSE.sub(lambda found: f"\\u{ord(found[0]):04x}" if found[0] <= "\uffff" else "", text)


def cut(text: str, most_bytes: int) -> str:
    """As much of `shown(text)` as fits into so many bytes of UTF-8, with … where something is left out."""
    whole = shown(text[: most_bytes + 1])
    data = whole.encode()
    if len(text) <= most_bytes and len(data) <= most_bytes:
        return whole
    return data[: max(0, most_bytes - 3)].decode(errors="ignore") + "…"


def one_line(said: object, most: int = LINE_CHARACTERS) -> str:
    """What an error or a text says, as one printable line of bounded length; a silent error says its name."""
    text = str(said)
    # Cut before the work; four times, for what is only spaces between words.
    line = shown(" ".join(text[: 4 * most].split()))
    if len(line) > most or len(text) > 4 * most:
        line = f"{line[:most]}..."
    return line or (type(said).__name__ if isinstance(said, BaseException) else "")


def quoted(value: object, most: int = QUOTED_CHARACTERS) -> str:
    """A value from outside as a sentence can carry it: in quotes where it is text, escaped, cut."""
    # `repr` of the whole of a long text takes time and memory for nothing.
    text = repr(value[: most + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= most else f"{text[:most]}..."


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How long a text may be, whether it is prose (lines, tabs), and whether it is an id: refused, never cleaned.

    In `Annotated[str, TextLimit(…)]` pydantic gives the text as it is kept, or says what is wrong with it.
    """

    most: int
    prose: bool = False
    is_id: bool = False
    may_be_empty: bool = True

    def fault_of(self, text: str) -> str | None:
        """What is wrong with a text, `None` where nothing is."""
        if not text:
            return None if self.may_be_empty else "is empty"
        fault = fault_of(text, self.most, prose=self.prose, is_id=self.is_id)
        return fault or (None if text.isascii() or _SEEN.search(text) else "has nothing that can be seen")

    def kept(self, text: str) -> str:
        """A text without fault as it is kept: composed, its lines ended by line feeds alone."""
        if text.isascii() and text.isprintable():
            return text
        return composed(_NEW_LINES.sub("\n", text))

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:  # noqa: ANN401 - pydantic's protocol
        """Judge after pydantic has made a string of it."""
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> Mapping[str, Any]:
        """Say the lengths, as constraints of pydantic's own would."""
        least = {} if self.may_be_empty else {"minLength": 1}
        return {**handler(schema), **least, "maxLength": self.most}

    def _checked(self, text: str) -> str:
        fault = self.fault_of(text)
        if fault is None:
            return self.kept(text)
        if not text:
            raise PydanticKnownError("string_too_short", {"min_length": 1})
        if fault.endswith("allowed"):
            raise PydanticKnownError("string_too_long", {"max_length": self.most})
        raise ValueError(f"it {fault}")


GIVEN_ID: Final = TextLimit(MAX_ID_CHARACTERS, is_id=True, may_be_empty=False)
DERIVED_ID: Final = TextLimit(MAX_DERIVED_ID_CHARACTERS, is_id=True, may_be_empty=False)
IdText = Annotated[str, GIVEN_ID]
DerivedIdText = Annotated[str, DERIVED_ID]
