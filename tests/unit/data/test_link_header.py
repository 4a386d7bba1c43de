"""Where a `Link` header says that a feed goes on (RFC 8288)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from metrla.data.link_header import next_of

RELS = st.lists(st.sampled_from(["self", "last", "prev", "item", "first"]), max_size=3)
QUOTED = st.text(st.characters(min_codepoint=32, max_codepoint=126, exclude_characters='"\\'), max_size=12)
TARGETS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="<>"), min_size=1, max_size=20)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        (['</p2>; rel="next"'], "/p2"),
        (["</p2>; rel=next"], "/p2"),
        (["</p2>;rel=next;title=x"], "/p2"),
        (['</p2>; rel="next last"'], "/p2"),
        (['</p2>; REL="NEXT"'], "/p2"),
        (['</p2> ; rel = "last next"'], "/p2"),
        (['</feed?a,b>; rel="self", </p2>; title="a, b; c"; rel="next"'], "/p2"),
        (['</feed>; title="<x>; rel=\\"next\\""; rel="self"'], None),
        (['</feed>; rel="self"', '</p2>; rel="next"'], "/p2"),
        (['</feed>; rel="self"; rel="next"'], None),
        (['</p2>; rel="nextish"'], None),
        (["", "x", "<", "<a", '<a>; rel="next'], None),
        (['</a>; =; "; rel=self, </p2>; rel=next'], "/p2"),
    ],
)
def test_the_next_page_is_found(headers: list[str], expected: str | None) -> None:
    assert next_of(headers) == expected


@given(before=RELS, after=RELS, title=QUOTED, target=TARGETS, other=TARGETS, loud=st.booleans())
def test_any_place_in_the_header_will_do(
    before: list[str], after: list[str], title: str, target: str, other: str, *, loud: bool
) -> None:
    rels = " ".join([*before, "NEXT" if loud else "next", *after])
    assert next_of([f'<{other}>; title="{title}"; rel="self", <{target}>; title="{title}"; rel="{rels}"']) == target


@given(st.text(max_size=60))
def test_whatever_a_server_writes_is_borne(text: str) -> None:
    next_of([text, f"<a>{text}"])
