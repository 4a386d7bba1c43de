"""Whether a document is its whole feed, and that a part of it withdraws nothing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.documents.draft import Extent, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.extent import extent_of_json, extent_of_xml
from shared.alerts.advisories.documents.formats.xml import read_xml
from shared.alerts.advisories.documents.importing import prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.paging import next_url
from shared.alerts.advisories.documents.reading import Reader
from shared.traffic.network import Network
from tests.kit.advisories import CHP, OPEN511_XML
from tests.kit.places import DATA

Document = dict[str, Any]
READER = Reader(ZoneInfo("UTC"), datetime(2026, 11, 3, 12, tzinfo=UTC))
FEED = "https://511.example/feed"
URL = "https://511.example/events?offset=50"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (
            {"pagination": {"offset": 0, "limit": 50, "next_url": "/events?offset=50"}},
            Extent("/events?offset=50", limit=50),
        ),
        ({"pagination": {"offset": "0"}}, Extent()),
        ({"pagination": {"offset": "50"}}, Extent(skipped=50)),
        ({"pagination": {"next": URL}}, Extent(URL)),
        ({"pagination": {"next_url": None}}, Extent()),
        ({"links": [{"rel": "self", "href": "x"}, {"rel": "next", "href": URL}]}, Extent(URL)),
        ({"next": URL}, Extent(URL)),
        ({"numberMatched": 70, "numberReturned": 50}, Extent(total=70)),
        ({"totalFeatures": "unknown"}, Extent()),
        ({"exceededTransferLimit": True}, Extent(more="exceededTransferLimit")),
        ({"properties": {"exceededTransferLimit": True}}, Extent(more="exceededTransferLimit")),
        ([], Extent()),
        ({"pagination": [], "links": {"rel": "next"}, "numberMatched": True, "properties": 5}, Extent()),
    ],
)
def test_what_json_says_of_the_rest(document: object, expected: Extent) -> None:
    assert extent_of_json(document) == expected


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<pagination><offset>0</offset><next_url>/events?offset=50</next_url></pagination>", "/events?offset=50"),
        ('<pagination><link rel="next" href="/events?offset=50"/></pagination>', "/events?offset=50"),
        ('<link rel="next" href="/events?offset=50"/>', "/events?offset=50"),
        ('<link rel="self" href="/events"/>', None),
        ("", None),
    ],
)
def test_what_xml_says_of_the_rest(inside: str, expected: str | None) -> None:
    document = OPEN511_XML.replace("<events>", f"{inside}<events>")
    assert next_url(document.encode()) == expected
    assert extent_of_xml(read_xml(document.encode())).next_url == expected


@pytest.mark.parametrize("data", [b"", b"{", b"<a", b"5", b"[" * 100_000])
def test_what_is_damaged_has_no_next_page(data: bytes) -> None:
    assert next_url(data) is None


MARKS: tuple[Document, ...] = (
    {"pagination": {"offset": 0, "next_url": "/next"}},
    {"pagination": {"offset": 3}},
    {"links": [{"rel": "next", "href": "/next"}]},
    {"numberMatched": 3},
    {"exceededTransferLimit": True},
    # What others write.
    {"exceededTransferLimit": "true"},
    {"pagination": {"next_url": ["/2"]}},
    {"pagination": {"next_url": {"href": "/2"}}},
    {"pagination": {"next_url": 2}},
    {"Pagination": {"next_url": "/2"}},
    {"pagination": [{"next_url": "/2"}]},
    {"pagination": {"offset": 0, "limit": 1}},
    {"pagination": {"offset": "0", "limit": "1", "total_items": 2}},
    {"pagination": {"total": 2}},
    {"pagination": {"next_cursor": "abc"}},
    {"meta": {"next_url": "/2"}},
    {"meta": {"pagination": {"next": "/2"}}},
    {"next": {"href": "/2"}},
    {"links": {"next": "/2"}},
    {"links": {"next": {"href": "/2"}}},
    {"_links": {"next": {"href": "/2"}}},
    {"links": [{"rel": ["self", "next"], "href": "/2"}]},
    {"links": [{"rel": "Next", "href": "/2"}]},
    {"has_more": True},
    {"page": 1, "pages": 2},
    {"page": {"number": 0, "totalPages": 2}},
    {"nextPageToken": "abc"},
    {"pageInfo": {"hasNextPage": True, "endCursor": "abc"}},
    {"count": 2, "previous": None},
    {"perPage": 1},
    # Whatever the words are put together with.
    {"@odata.nextLink": "http://x/2"},
    {"@odata.count": 2},
    {"links": [{"rel": "next last", "href": "/p2"}]},
    {"link": {"rel": "NEXT", "href": "/p2"}},
    {"moreResultsAvailable": True},
    {"moreresultsavailable": "yes"},
    {"partial": True},
    {"complete": False},
    {"isComplete": "false"},
    {"lastPage": False},
    {"incomplete_results": True},
    {"errors": ["backend timeout"]},
    {"error": "x"},
    {"status": "partial"},
    {"start": 1},
    {"from": 2},
    {"range": "0-0/2"},
    {"Content-Range": "items 1-1/*"},
    {"result_count": 2},
    {"page": 3},
    {"previous": "/1"},
    {"links": [{"rel": "prev", "href": "/1"}]},
    {"X-Next-Page": 2},
    {"total-items": "2"},
    {"limitReached": True},
    {"feed_info_more": {"token": "x"}},
)
ALL_THERE: tuple[Document, ...] = (
    {"pagination": {"offset": 0, "limit": 1, "next_url": None}},
    {"pagination": {"offset": 0, "limit": 50}},
    {"links": [{"rel": "self", "href": "/1"}, {"rel": "next", "href": ""}]},
    {"_links": {"self": {"href": "/1"}}},
    {"count": 1, "next": None, "previous": None},
    {"page": 1, "pages": 1, "has_more": False, "nextPageToken": ""},
    {"pageInfo": {"hasNextPage": False, "endCursor": None}},
    {"exceededTransferLimit": "false", "numberMatched": 1},
    {"next_update": "2026-11-03T13:00:00Z", "lastUpdated": "2026-11-03T12:00:00Z", "update_frequency": 60},
    {"status": "OK", "errors": [], "error": None, "warnings": 0, "complete": True, "partial": False},
    {"from": 1, "to": 1, "range": "0-0/1", "current_page": 1, "last_page": 1, "next_page_url": None, "total": 1},
    {"page": 1, "total_pages": 1, "@odata.count": 1, "title": "Current watches, warnings and advisories"},
)


@pytest.mark.parametrize("mark", ALL_THERE)
def test_the_whole_withdraws_what_it_has_no_more(
    mark: Document, network: Network, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    matchers = [Matcher(network)]
    both = prepare(
        READER.read(json.dumps(make_feed([make_work_zone(1), make_work_zone(2)])).encode()), matchers, {}, FEED
    )
    log = {change.advisory_id: change for change in both.changes}
    one = READER.read(json.dumps(make_feed([make_work_zone(1)]) | mark).encode())
    whole = prepare(one, matchers, log, FEED, complete=True)
    assert (whole.withdrawn, whole.partial) == (1, None)


@pytest.mark.parametrize("mark", MARKS)
def test_a_part_withdraws_nothing_and_says_why(
    mark: Document, network: Network, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    matchers = [Matcher(network)]
    both = make_feed([make_work_zone(1), make_work_zone(2)])
    log = {
        change.advisory_id: change
        for change in prepare(READER.read(json.dumps(both).encode()), matchers, {}, FEED).changes
    }
    one = make_feed([make_work_zone(1)])
    whole = prepare(READER.read(json.dumps(one).encode()), matchers, log, FEED, complete=True)
    assert (whole.withdrawn, whole.partial) == (1, None)
    part = prepare(READER.read(json.dumps(one | mark).encode()), matchers, log, FEED, complete=True)
    assert (part.withdrawn, part.unchanged) == (0, 1)
    assert part.partial


def test_pages_are_one_document(
    network: Network, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    pages = [
        make_feed([make_work_zone(1), make_work_zone(2)]) | {"numberMatched": 3, "next": "/2"},
        make_feed([make_work_zone(2), make_work_zone(3), {"id": "bad"}]) | {"numberMatched": 4},
    ]
    parsed = READER.read(*(json.dumps(page).encode() for page in pages))
    assert (parsed.features, parsed.partial) == (5, None)
    assert [(draft.index, draft.publisher_id) for draft in parsed.drafts] == [
        (0, "wz-0001"), (1, "wz-0002"), (3, "wz-0003"),
    ]  # fmt: skip
    assert sorted((rejected.index, rejected.publisher_id) for rejected in parsed.rejected) == [
        (2, "wz-0002"), (4, "bad"),
    ]  # fmt: skip
    assert prepare(parsed, [Matcher(network)], {}, FEED, complete=True).new == 3
    left = READER.read(json.dumps(pages[0]).encode(), left="its page 2 is on another server")
    assert left.partial == "its page 2 is on another server; it has 2 of 3 features"


def test_pages_of_two_formats_are_no_feed(make_feed: Callable[..., Document]) -> None:
    with pytest.raises(UnreadableAdvisoriesError, match="several formats: chp, wzdx"):
        READER.read(json.dumps(make_feed([])).encode(), CHP.encode())


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["pagination", "next_url", "next", "links", "rel", "href", "offset", "numberMatched", "properties"]
    ), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(ANYTHING)
def test_any_document_has_an_extent(document: object) -> None:
    extent = extent_of_json(document)
    assert extent.skipped >= 0
    assert extent.total is None or extent.total > 0
    assert extent.next_url is None or extent.next_url.strip()


SIGNS = st.sampled_from(["next", "more", "continuation", "cursor", "truncated", "partial", "incomplete", "errors"])
CASES = st.sampled_from(
    [
        "_".join,
        "-".join,
        ".".join,
        lambda words: "".join(map(str.title, words)),
        lambda words: words[0] + "".join(map(str.title, words[1:])),
        lambda words: "_".join(words).upper(),
    ]
)
OTHER_WORDS = st.lists(
    st.sampled_from(["results", "is", "has", "page", "feed", "data", "odata", "available"]), max_size=2
)


@given(
    sign=SIGNS, before=OTHER_WORDS, after=OTHER_WORDS, case=CASES, value=st.sampled_from([True, "x", "true", 7, ["y"]])
)
def test_a_word_of_more_makes_a_part_in_whatever_name(
    sign: str, before: list[str], after: list[str], case: Callable[[list[str]], str], value: object
) -> None:
    extent = extent_of_json({case([*before, sign, *after]): value})
    assert extent.more or extent.next_url


SAMPLES = DATA / "samples"


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="there are no samples (METRLA_DATA)")
def test_what_is_published_whole_is_whole() -> None:
    read = 0
    for file in sorted(SAMPLES.iterdir()):
        try:
            parsed = READER.read(file.read_bytes())
        except UnreadableAdvisoriesError:
            continue
        nameless = parsed.partial is not None and "no id that can be read" in parsed.partial
        assert parsed.partial is None or nameless, (file.name, parsed.partial)
        read += 1
    assert read >= 8


@pytest.mark.parametrize(
    "header",
    [
        ("Content-Range", "items 0-0/2"),
        ("X-Total-Count", "2"),
        ("x-next-page", "2"),
        ("X-Total-Pages", "2"),
        ("X-Has-More", "1"),
    ],
)
def test_headers_tell_a_part_as_well(
    header: tuple[str, str], make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    data = json.dumps(make_feed([make_work_zone(1)])).encode()
    assert READER.read(data, headers=[[header]]).partial
    sound = [("X-Total-Count", "1"), ("X-Total-Pages", "1"), ("X-Next-Page", ""), ("X-Page", "1"), ("ETag", "next")]
    assert (
        READER.read(data, headers=[[*sound, ("Content-Range", "bytes 0-9/10"), ("X-RateLimit-Remaining", "5")]]).partial
        is None
    )
    both = [data, json.dumps(make_feed([make_work_zone(2)])).encode()]
    assert READER.read(*both, headers=[[("X-Next-Page", "2"), ("X-Total", "2")], [("X-Total", "2")]]).partial is None
