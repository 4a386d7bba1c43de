"""The one type of text: what may come in, how it is cleaned, how it is shown. Pure.

Text is in Unicode's composed form (NFC) and holds only what can be encoded, stored and shown: no control characters, no
unpaired surrogates, no noncharacters, nothing that reverses or hides what stands beside it. Ids are single lines of any
printable characters, with any punctuation. Prose may have line breaks and tabs.

What a person or program sends to us as its own (an API request, an event) is refused where it breaks this; what others
publish for everybody (documents, records that are on the log already) is cleaned: `cleaned` says by which rule.
"""

import re
from typing import Annotated, Final
from unicodedata import is_normalized, normalize

from pydantic import AfterValidator, Field

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
_IN_PROSE = re.compile(f"[{_BROKEN}]")
_IN_LINE = re.compile(f"[{_BROKEN}\t\n\r]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SPACES = re.compile("[\t\n\r\u2028\u2029]+")
_BACK = re.compile("\r(?!\n)")
_NEW_LINES = re.compile("\r\n?|[\u2028\u2029\x85]")


def fault_of(text: str, most: int, *, prose: bool = False) -> str | None:
    """What is wrong with a text of up to `most` characters, `None` where nothing is; the form (NFC) is not judged."""
    if len(text) > most:
        return f"has {len(text):,} characters, at most {most:,} are allowed"
    if text.isascii() and text.isprintable():
        return None
    found = (_IN_PROSE if prose else _IN_LINE).search(text)
    if found is None:
        return None
    return f"has U+{ord(found[0]):04X} at character {found.start() + 1}, which is not printable"


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


def _checked_line(text: str) -> str:
    return _checked(text, prose=False)


def _checked_prose(text: str) -> str:
    return _checked(text, prose=True)


def _checked(text: str, *, prose: bool) -> str:
    fault = fault_of(text, len(text), prose=prose)
    if fault is not None:
        raise ValueError(f"it {fault}")
    return composed(text)


# Types for pydantic. A length stands before them, so that nothing long is looked at: `Annotated[Line, Field(…)]` would
# judge the length last.
Line = AfterValidator(_checked_line)
Prose = AfterValidator(_checked_prose)
IdText = Annotated[str, Field(min_length=1, max_length=MAX_ID_CHARACTERS), Line]
