"""The one type of text: what is refused, what cleaning makes of it, what a terminal gets to see."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.text import cleaned, composed, cut, fault_of, one_line, quoted, shown

MOST = 50
TEXTS = st.text(alphabet=st.characters(), max_size=2 * MOST)


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


@given(TEXTS, st.booleans())
def test_what_was_cleaned_has_no_fault_and_stays(text: str, prose: bool) -> None:  # noqa: FBT001  drawn
    clean = cleaned(text, MOST, prose=prose)
    assert fault_of(clean, MOST, prose=prose) is None
    assert cleaned(clean, MOST, prose=prose) == clean == composed(clean)
    assert "\0" not in clean.encode().decode()


@given(TEXTS)
def test_a_text_without_fault_is_only_composed(text: str) -> None:
    if fault_of(text, MOST) is None:
        assert cleaned(text, 2 * MOST) == composed(text)


@given(TEXTS, st.integers(10, 300))
def test_what_is_cut_fits_and_can_be_encoded(text: str, most: int) -> None:
    whole = cut(text, most)
    assert len(whole.encode()) <= most
    assert fault_of(whole, 10 * most, prose=True) is None


def test_a_terminal_gets_to_see_escapes_as_text() -> None:
    assert shown("Crash\x1b]0;owned\x07\x9b2J\u202e") == "Crash\\u001b]0;owned\\u0007\\u009b2J\\u202e"


def test_a_long_run_of_accents_is_cut_before_it_is_composed() -> None:
    # Composing all of it would take minutes.
    assert len(cleaned("e" + "\u0301\u0316" * 500_000, 4_000)) == 4_000


@given(TEXTS | st.binary(max_size=2 * MOST) | st.floats() | st.lists(TEXTS, max_size=3))
def test_what_is_quoted_or_said_is_one_printable_line(value: object) -> None:
    for line in (quoted(value), one_line(value), one_line(ValueError(value))):
        assert fault_of(line, 300) is None


def test_a_silent_error_says_its_name_and_a_long_one_is_cut() -> None:
    assert one_line(MemoryError()) == "MemoryError"
    assert one_line(ValueError(" two\n\tlines ")) == "two lines"
    assert one_line("x" * 10**7) == "x" * 200 + "..."
    assert quoted("x" * 10**7) == "'" + "x" * 59 + "..."
    assert quoted(b"\x00") == "b'\\x00'"
