"""The one type of text: what is refused, what cleaning makes of it, what a terminal gets to see."""

from typing import Annotated
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from shared.events.limits import TEXTS, FieldFaultError, text_check
from shared.events.text import GIVEN_ID, TextLimit, cleaned, composed, cut, fault_of, one_line, quoted, shown

MOST = 50
WRITTEN = st.text(alphabet=st.characters(), max_size=2 * MOST)
# What composing makes longer or shorter, line ends, and what is not seen.
ODD = "\u0958\U0001d160\ufb2ce\u0301\u0316\u1100\u1161\u11a8\r\n\t \u200d\u200e\u3164\u00ad\ufe0f\U000e0041"
ODD_TEXTS = st.text(alphabet=st.sampled_from(ODD) | st.characters(), max_size=3 * MOST)
LIMITS = st.builds(TextLimit, st.integers(1, MOST), prose=st.booleans(), may_be_empty=st.booleans()) | st.builds(
    TextLimit, st.integers(1, MOST), is_id=st.just(value=True), may_be_empty=st.just(value=False)
)


@pytest.mark.parametrize("text", ["I-405 N @ Sunset Bl.", "β/?#%&=;:'\"<>|\\", "Straße 12 🚧", "نص می‌شود", "a b"])
def test_printable_text_of_any_script_and_punctuation_passes(text: str) -> None:
    assert fault_of(text, MOST) is None
    assert cleaned(text, MOST) == composed(text)
    assert shown(text) == text


@pytest.mark.parametrize("broken", ["\0", "\x1b", "\x7f", "\x9b", "\ud800", "\ufffe", "\U0010ffff", "\u202e",
                                    "\u2066", "\u2028", "\ufeff", "\u200b", "\ufdd0"])  # fmt: skip
@pytest.mark.parametrize("prose", [True, False])
def test_what_cannot_be_stored_or_shown_is_refused_and_cleaned_away(broken: str, *, prose: bool) -> None:
    assert (
        fault_of(f"x{broken}y", MOST, prose=prose) == f"has U+{ord(broken):04X} at character 2, which is not printable"
    )
    clean = cleaned(f"x{broken}y", MOST, prose=prose)
    assert clean in {"xy", "x y", "x\ny"}
    clean.encode()


@pytest.mark.parametrize("broken", ["\n", "\t", "\r\n"])
def test_lines_and_tabs_are_for_prose(broken: str) -> None:
    assert fault_of(f"x{broken}y", MOST) is not None
    assert cleaned(f"x{broken}y", MOST) == "x y"
    assert fault_of(cleaned(f"x{broken}y", MOST, prose=True), MOST, prose=True) is None


@given(WRITTEN, st.booleans())
def test_what_was_cleaned_has_no_fault_and_stays(text: str, prose: bool) -> None:  # noqa: FBT001  drawn
    clean = cleaned(text, MOST, prose=prose)
    assert fault_of(clean, MOST, prose=prose) is None
    assert cleaned(clean, MOST, prose=prose) == clean == composed(clean)
    assert "\0" not in clean.encode().decode()


@given(WRITTEN)
def test_a_text_without_fault_is_only_composed(text: str) -> None:
    if fault_of(text, MOST) is None:
        assert cleaned(text, 2 * MOST) == composed(text)


@given(WRITTEN, st.integers(10, 300))
def test_what_is_cut_fits_and_can_be_encoded(text: str, most: int) -> None:
    whole = cut(text, most)
    assert len(whole.encode()) <= most
    assert fault_of(whole, 10 * most, prose=True) is None


def test_a_terminal_gets_to_see_escapes_as_text() -> None:
    assert shown("Crash\x1b]0;owned\x07\x9b2J\u202e") == "Crash\\u001b]0;owned\\u0007\\u009b2J\\u202e"


def test_a_long_run_of_accents_is_cut_before_it_is_composed() -> None:
    # Composing all of it would take minutes.
    assert len(cleaned("e" + "\u0301\u0316" * 500_000, 4_000)) == 4_000


@given(WRITTEN | st.binary(max_size=2 * MOST) | st.floats() | st.lists(WRITTEN, max_size=3))
def test_what_is_quoted_or_said_is_one_printable_line(value: object) -> None:
    for line in (quoted(value), one_line(value), one_line(ValueError(value))):
        assert fault_of(line, 300) is None


def test_a_silent_error_says_its_name_and_a_long_one_is_cut() -> None:
    assert one_line(MemoryError()) == "MemoryError"
    assert one_line(ValueError(" two\n\tlines ")) == "two lines"
    assert one_line("x" * 10**7) == "x" * 200 + "..."
    assert quoted("x" * 10**7) == "'" + "x" * 59 + "..."
    assert quoted(b"\x00") == "b'\\x00'"


def taken(limit: TextLimit, text: str) -> str | None:
    """What a writer at the API's door takes a text for, `None` where it is refused."""
    try:
        value: str = TypeAdapter(Annotated[str, limit]).validate_python(text)
    except ValidationError:
        return None
    return value


@given(limit=LIMITS, text=ODD_TEXTS)
def test_what_a_writer_takes_every_reader_takes_unchanged(limit: TextLimit, text: str) -> None:
    kept = taken(limit, text)
    if kept is None:
        return
    assert len(kept) <= limit.most
    assert len(kept.encode()) <= 4 * limit.most
    assert taken(limit, kept) == kept == limit.kept(kept) == composed(kept)
    assert limit.fault_of(kept) is None
    assert cleaned(kept, limit.most, prose=limit.prose) == kept


@given(name=st.sampled_from(sorted(TEXTS)), text=ODD_TEXTS)
def test_what_the_table_of_fields_lets_in_the_log_gives_back(name: str, text: str) -> None:
    kept = taken(TEXTS[name], text * 20)
    if kept is not None:
        assert text_check(name)(kept) == kept


@given(text=ODD_TEXTS)
def test_two_ways_to_write_a_text_are_one(text: str) -> None:
    limit = TextLimit(4 * 3 * MOST, prose=True)
    if taken(limit, text) is not None:
        assert taken(limit, text) == taken(limit, normalize("NFD", text)) == taken(limit, composed(text))


@pytest.mark.parametrize("grows", ["\u0958" * 101, "\U0001d160" * 67, "\ufb2c" * 67])
def test_what_grows_over_the_limit_is_refused_at_the_door_as_on_the_log(grows: str) -> None:
    assert len(grows) < 200 < len(composed(grows))
    assert taken(GIVEN_ID, grows) is None
    with pytest.raises(FieldFaultError, match="at most 200"):
        text_check("action_id")(grows)


def test_what_shrinks_below_the_limit_is_taken() -> None:
    assert taken(GIVEN_ID, "e\u0301" * 200) == "\u00e9" * 200
    assert taken(GIVEN_ID, "e\u0301" * 201) is None


@pytest.mark.parametrize("unseen", ["\u200e", "\u200d", "\u061c", "\u206a", "\u180e", "\u3164", "\u00ad", "\ufe0f",
                                    "\U000e0041", "\u115f", "\uffa0", "\u034f"])  # fmt: skip
def test_an_id_has_nothing_that_is_not_seen(unseen: str) -> None:
    assert taken(GIVEN_ID, "a") == "a"
    assert taken(GIVEN_ID, f"a{unseen}") is None
    with pytest.raises(FieldFaultError, match="is not printable"):
        text_check("sensor_id")(f"a{unseen}")
    title = TEXTS["title"]
    assert taken(title, unseen) is None
    # Scripts and emoji need joiners, marks of direction and variation selectors; nothing needs tags and fillers.
    needed = unseen in "\u200e\u200d\u061c\u00ad\ufe0f\u034f"
    assert taken(title, f"a{unseen}b") == (f"a{unseen}b" if needed else None)


def test_lines_end_as_the_log_has_them() -> None:
    assert taken(TEXTS["text"], "one\r\ntwo\rthree") == "one\ntwo\nthree"


def test_an_id_has_joiners_where_letters_are_joined() -> None:
    assert taken(GIVEN_ID, "\u0646\u0635\u200c\u0645\u06cc") is not None
    for lost in ("\u0646\u200c", "\u200d\u0646", "\u0646\u200c\u200c\u0646", "a\u200cb"):
        assert taken(GIVEN_ID, lost) is None
