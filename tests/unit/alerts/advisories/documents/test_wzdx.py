"""Work zones: the good ones are read, each bad one is rejected alone with its reason."""

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.documents.draft import DocumentFormat, UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats import wzdx
from shared.alerts.advisories.documents.importing import prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.reading import Reader
from shared.events.records import AdvisoryType, AlertSeverity
from shared.traffic.network import Network

ZONE = ZoneInfo("America/Los_Angeles")
Document = dict[str, Any]


def test_fifty_bad_features_of_a_thousand_cost_only_themselves(
    damaged_feed: tuple[Document, dict[int, str]], network: Network, now: datetime
) -> None:
    document, bad = damaged_feed
    parsed = Reader(ZONE, now).read(json.dumps(document).encode())
    assert {rejected.index for rejected in parsed.rejected} == set(bad)
    for rejected in parsed.rejected:
        assert rejected.reason
        assert bad[rejected.index] in rejected.reason
    outcome = prepare(parsed, [Matcher(network)], {})
    assert len(outcome.advisories) == 950
    assert len(outcome.rejected) == 50
    assert outcome.unmatched == []
    assert len({advisory.advisory_id for advisory in outcome.advisories}) == 950


def test_a_work_zone_says_what_it_is(
    make_work_zone: Callable[..., Document], make_feed: Callable[..., Document]
) -> None:
    feature = make_work_zone(1)
    feature["properties"] |= {
        "start_date": "2026-11-03T22:00:00-08:00",
        "end_date": "2026-11-04T05:00:00-08:00",
        "vehicle_impact": "all-lanes-closed",
    }
    (draft,) = wzdx.parse(make_feed([feature])).drafts
    assert draft.advisory_type is AdvisoryType.CONSTRUCTION
    assert draft.severity is AlertSeverity.HIGH
    assert draft.starts_at == datetime(2026, 11, 4, 6, tzinfo=UTC)
    assert draft.ends_at == datetime(2026, 11, 4, 13, tzinfo=UTC)
    assert draft.title == "Paving 1"
    assert draft.source == "Caltrans District 7"
    assert draft.updated_at == datetime(2026, 11, 1, tzinfo=UTC)
    assert not draft.withdrawn


@pytest.mark.parametrize("status", ["completed", "cancelled"])
def test_an_event_that_is_over_is_taken_back(
    make_work_zone: Callable[..., Document], make_feed: Callable[..., Document], status: str
) -> None:
    feature = make_work_zone(1)
    feature["properties"]["event_status"] = status
    (draft,) = wzdx.parse(make_feed([feature], version="4.1")).drafts
    assert draft.withdrawn


@pytest.mark.parametrize("version", ["4.0", "4.1", "4.2"])
def test_versions_four_are_read(
    make_work_zone: Callable[..., Document], make_feed: Callable[..., Document], version: str
) -> None:
    document = make_feed([make_work_zone(1)], version=version)
    document["road_event_feed_info"] = document.pop("feed_info")
    assert len(wzdx.parse(document).drafts) == 1


@pytest.mark.parametrize(
    "document", [{}, {"features": 1}, [], 5, None, {"features": [], "feed_info": {"version": "3.1"}}]
)
def test_what_is_no_feed_is_refused_as_a_whole(document: object) -> None:
    with pytest.raises(UnreadableAdvisoriesError):
        wzdx.parse(document)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"<a>", b"<alert", b"{}", b"5", b"null"])
def test_what_is_no_document_is_refused(data: bytes, now: datetime) -> None:
    with pytest.raises(UnreadableAdvisoriesError):
        Reader(ZONE, now).read(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mangled(draw: st.DrawFn, feature: Document) -> object:
    """The feature with anything at any place of it."""
    value: object = copy.deepcopy(feature)
    for _ in range(draw(st.integers(0, 3))):
        where: Any = value
        path: list[Any] = []
        while isinstance(where, dict | list) and where and (not path or draw(st.booleans())):
            key = (
                draw(st.sampled_from(sorted(where)))
                if isinstance(where, dict)
                else draw(st.integers(0, len(where) - 1))
            )
            path.append(key)
            where = where[key]
        if not path:
            return draw(JSON)
        holder: Any = value
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = draw(JSON)
    return value


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_every_feature_is_accounted_for_whatever_it_is(
    data: st.DataObject, make_work_zone: Callable[..., Document], make_feed: Callable[..., Document], network: Network
) -> None:
    features = [data.draw(mangled(make_work_zone(number))) for number in range(3)]
    parsed = wzdx.parse(make_feed(features))
    assert parsed.format is DocumentFormat.WZDX
    accounted = sorted([draft.index for draft in parsed.drafts] + [rejected.index for rejected in parsed.rejected])
    assert accounted == list(range(3))
    assert all(rejected.reason for rejected in parsed.rejected)
    outcome = prepare(parsed, [Matcher(network)], {})
    withdrawn = sum(draft.withdrawn for draft in parsed.drafts)
    assert len(outcome.advisories) + len(outcome.unmatched) + withdrawn == len(parsed.drafts)
