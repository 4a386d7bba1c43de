"""JSON that can have one meaning only."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.events.strict_json import read_strict

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(VALUES, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32"]))
def test_what_has_one_meaning_is_read_as_ever(value: object, encoding: str) -> None:
    assert read_strict(json.dumps(value).encode(encoding)) == value


@given(st.text(max_size=5), VALUES, st.integers(0, 3))
def test_a_name_twice_is_refused_at_any_depth(name: str, value: object, depth: int) -> None:
    one = f"{json.dumps(name)}: {json.dumps(value)}"
    text = '{"in": [' * depth + f"{{{one}, {one}}}" + "]}" * depth
    for published in (False, True):
        with pytest.raises(ValueError, match="is there twice"):
            read_strict(text, published=published)


@pytest.mark.parametrize("text", ["NaN", '{"a": -Infinity}'])
def test_nan_is_no_number(text: str) -> None:
    with pytest.raises(ValueError, match="is not a JSON number"):
        read_strict(text)
    read_strict(text, published=True)
