"""Hostile values, and damage done to good ones."""

import json
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

HOSTILE_TEXTS = (
    "",
    " ",
    "x\x00y",
    "\x1b]0;title\x07",
    "\x7f" * 300,
    "a" * 70_000,
    "\ud800",
    "x\udfff",
    "\ufffe",
    "\u202egnp.exe",
    "e\u0301",
    "β/…?#%&+;:@'\"\\ ü",
    "../../etc/passwd",
    "line\r\nHeader: x",
    "NaN",
    "1e999",
    "-1",
    "9999-12-31T23:59:59-12:00",
    "0001-01-01T00:00:00+14:00",
    "2026-02-30T00:00:00Z",
    "2026-11-01T24:00:00Z",
    "1969-12-31T23:59:59Z",
    "١٢٣",
    "²",
)
TAINTS = ("\x00", "\x1b]0;t\x07", "\x7f", "\x85", "\ud800", "\udfff", "\u202e", "\ufffe", "\n", "\u0301", "a" * 70_000)
"""What spoils a good text that holds it."""
HOSTILE_NUMBERS = (
    *(0, -1, 1, 2**31, 2**63, -(2**63) - 1, 2**64, 10**400),
    *(-0.0, 5e-324, 1.7976931348623157e308, -1.7976931348623157e308, float("inf"), float("-inf"), float("nan")),
    *(253402300799, 253402300800_000, -62135596800, 99_999_999_999),
)
HOSTILE: tuple[Any, ...] = (None, True, False, [], {}, [[]], {"": ""}, *HOSTILE_TEXTS, *HOSTILE_NUMBERS)
_WORDS = (*HOSTILE_TEXTS, *map(str, HOSTILE_NUMBERS), '"\\ud800"', '"\\u0000"', "null", "[" * 2_000, "{}", "<a>")
TOKENS = (
    *(text.encode("utf-8", "surrogatepass") for text in _WORDS),
    *(b"\xff\xfe", b"\xef\xbb\xbf", b"\x00" * 9, b"\xff" * 9, b"\x80" * 11, b'"', b",", b"\n"),
)

texts: SearchStrategy[str] = st.sampled_from(HOSTILE_TEXTS) | st.text(max_size=30)
numbers: SearchStrategy[Any] = st.sampled_from(HOSTILE_NUMBERS) | st.integers() | st.floats()
"""Any text, and any number, the worst of both first."""

anything: SearchStrategy[Any] = st.recursive(
    st.sampled_from(HOSTILE) | st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
).map(deepcopy)
"""Any JSON, and what JSON cannot say; a copy, for what is drawn is put into others and changed there."""


@st.composite
def damaged(draw: st.DrawFn, good: Sequence[bytes]) -> bytes:
    """One of `good` with up to four places overwritten, cut out, doubled or filled with what hurts; or any bytes."""
    if draw(st.integers(0, 11)) == 0:
        return draw(st.binary(max_size=200))
    data = bytearray(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(data)))
        match draw(st.sampled_from(("overwrite", "insert", "cut", "double", "end"))):
            case "overwrite":
                put = draw(st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=8))
                data[start : start + len(put)] = put
            case "insert":
                data[start:start] = draw(st.sampled_from(TOKENS) | st.binary(min_size=1, max_size=8))
            case "cut":
                del data[start : start + draw(st.integers(1, 40))]
            case "double":
                data[start:start] = data[start : start + draw(st.integers(1, 200))]
            case _:
                del data[start:]
    return bytes(data)


@st.composite
def changed(draw: st.DrawFn, good: Sequence[Any]) -> Any:  # noqa: ANN401 - any JSON
    """One of `good`, which are JSON, with up to three values somewhere in it tainted, replaced, dropped or renamed."""
    document = deepcopy(draw(st.sampled_from(good)))
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(document))
        if not places:
            return draw(anything)
        container, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(("taint", "taint", "like", "like", "anything", "drop", "rename", "nest"))):
            case "drop":
                del container[key]
            case "rename" if isinstance(container, dict):
                container[draw(texts)] = container.pop(key)
            case "nest":
                container[key] = [container[key]]
            case "taint" if isinstance(container[key], str):
                whole, at = container[key], draw(st.integers(0, len(container[key])))
                container[key] = whole[:at] + draw(st.sampled_from(TAINTS)) + whole[at:]
            case "like" if isinstance(container[key], int | float):
                container[key] = draw(numbers)
            case "like" if isinstance(container[key], str):
                container[key] = draw(texts)
            case _:
                container[key] = draw(anything)
    return document


def changed_json(good: Sequence[Any]) -> SearchStrategy[bytes]:
    """The bytes of such documents; some are damaged as bytes too."""
    return changed(good).map(json_bytes) | damaged([json_bytes(document) for document in good])


def json_bytes(document: Any) -> bytes:  # noqa: ANN401 - any JSON
    """As careless programs write it: NaN as it is, surrogates as they are."""
    return json.dumps(document).encode("utf-8", "surrogatepass")


def _places(document: Any) -> Iterator[tuple[Any, Any]]:  # noqa: ANN401 - any JSON
    """Every value in a document, by what holds it and its key there."""
    if isinstance(document, dict | list):
        for key in list(document) if isinstance(document, dict) else range(len(document)):
            yield document, key
            yield from _places(document[key])


def files(good: dict[str, SearchStrategy[bytes]]) -> SearchStrategy[dict[str, bytes]]:
    """The files of a folder, now and then without one."""
    whole = st.fixed_dictionaries(good)
    return whole | st.fixed_dictionaries({}, optional=good)
