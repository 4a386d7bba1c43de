"""Whatever a publisher writes: an advisory that can be encoded, stored and shown, or a feature with a reason."""

import copy
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alerts.advisories.documents.draft import UnreadableAdvisoriesError
from shared.alerts.advisories.documents.formats.zones import ZoneTable
from shared.alerts.advisories.documents.importing import prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.alerts.advisories.documents.reading import Reader
from shared.events.avro import decode, encode
from shared.events.records import TrafficAdvisory
from shared.events.text import fault_of
from shared.traffic.network import Network
from tests.kit.advisories import CHP, CIFS_XML, DATEX2_V3, LCS_FIELDS, LCS_JSON, OPEN511_XML, ZONES
from tests.kit.records import ANY_TEXTS
from tests.unit.alerts.advisories.documents.test_open511 import event
from tests.unit.alerts.advisories.documents.test_weather import XML, alert

ZONE = ZoneInfo("America/Los_Angeles")
TABLE = ZoneTable.read(ZONES.encode())
TIMES = ["9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+14:00", "1970-01-01T00:00:00Z", "2199-12-31T23:59:59Z"]
ODD: st.SearchStrategy[Any] = st.one_of(
    ANY_TEXTS,
    st.sampled_from([*TIMES, "\ud800", 10**400, 1e308, float("nan"), None, True, [], {}]),
    st.lists(st.one_of(st.integers(), st.floats(), st.lists(st.floats(), max_size=3)), max_size=4),
)


def places(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every value of a document."""
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, part in parts for place in places(part, (*path, key)))] if path else [
        place for key, part in parts for place in places(part, (key,))
    ]  # fmt: skip


@st.composite
def spoilt(draw: st.DrawFn, document: dict[str, Any]) -> dict[str, Any]:
    """The document with odd values in some of its places."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        *way, last = draw(st.sampled_from(places(changed)))
        holder: Any = changed
        for key in way:
            holder = holder[key]
        holder[last] = draw(ODD)
    return changed


def require_usable(data: bytes, network: Network, now: datetime) -> None:
    try:
        parsed = Reader(ZONE, now, zones=TABLE).read(data)
    except UnreadableAdvisoriesError as unreadable:
        assert len(str(unreadable)) < 1_000  # noqa: PT017  both outcomes are right
        return
    outcome = prepare(parsed, [Matcher(network)], {}, "feed")
    for rejected in outcome.rejected:
        assert fault_of(rejected.reason, 1_000, prose=True) is None
        assert fault_of(rejected.publisher_id or "", 3_000, prose=True) is None
    for advisory in outcome.changes:
        assert decode(TrafficAdvisory, encode(advisory)) == advisory


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_documents_of_every_json_format(
    data: st.DataObject,
    make_work_zone: Callable[..., Any],
    make_feed: Callable[..., Any],
    network: Network,
    now: datetime,
) -> None:
    recurring = {"start_date": "2026-11-01", "daily_start_time": "22:00", "days": [1, 2, 3, 4, 5]}
    documents = [
        make_feed([make_work_zone(1)]),
        {"events": [event(), event(id="r", schedule={"recurring_schedules": [recurring]})]},
        {"type": "FeatureCollection", "features": [alert()]},
        json.loads(LCS_JSON),
    ]
    document = data.draw(st.sampled_from(documents).flatmap(spoilt))
    require_usable(json.dumps(document).encode(), network, now)


@settings(max_examples=80, deadline=None)
@given(
    texts=st.lists(st.one_of(ANY_TEXTS, st.sampled_from(TIMES)), min_size=4, max_size=4),
    area=st.sampled_from(["<circle>{}</circle>", "<polygon>{}</polygon>", "<areaDesc>{}</areaDesc>"]),
)
def test_cap_documents(texts: list[str], area: str, network: Network, now: datetime) -> None:
    status, kind, references, place = map(escape, texts)
    text = XML.format(
        status="Actual", kind="Alert", references=f"<references>{references}</references>", area=area.format(place)
    )
    for old, new in (("Gusts.", status), ("urn:oid:9", kind)):
        text = text.replace(old, new)
    require_usable(text.encode(errors="replace"), network, now)


@settings(max_examples=100)
@given(data=st.binary(max_size=100), start=st.sampled_from([b"", b"{", b"<", b'{"events":', b"\xef\xbb\xbf{"]))
def test_any_bytes(data: bytes, start: bytes, network: Network, now: datetime) -> None:
    require_usable(start + data, network, now)


@pytest.mark.parametrize("hostile", ["x\0y", "x\x1b]0;y\x07", "x\u202ey", "x\u2028y"])
@pytest.mark.parametrize("place", ["name", "description"])
def test_what_is_read_is_cleaned(
    hostile: str, place: str, make_work_zone: Callable[..., Any], make_feed: Callable[..., Any], network: Network,
    now: datetime,
) -> None:  # fmt: skip
    feature = make_work_zone(1)
    feature["properties"]["core_details"][place] = hostile
    parsed = Reader(ZONE, now).read(json.dumps(make_feed([feature])).encode())
    (draft,) = parsed.drafts
    text = draft.title if place == "name" else draft.description.partition("\n\n")[0]
    assert text in {"xy", "x y", "x]0;y", "x\ny"}
    assert not prepare(parsed, [Matcher(network)], {}).rejected


PLACES = {
    "chp": (CHP, "1183-Trfc Collision-Unkn Inj"),
    "cifs": (CIFS_XML, "Two lanes blocked"),
    "datex2": (DATEX2_V3, "Paving."),
    "open511": (OPEN511_XML, "Game at the stadium"),
    "lcs": (LCS_JSON, "Paving"),
}
IDS = {
    "chp": (CHP, "261103LA0001"),
    "cifs": (CIFS_XML, "waze-7"),
    "datex2": (DATEX2_V3, "S1-1"),
    "open511": (OPEN511_XML, "la/game-1"),
    "lcs": (LCS_JSON, str(LCS_FIELDS["index"])),
}


@pytest.mark.parametrize("hostile", ["x\x9b]0;y", "x\u202ey", "x\ufffey"])
@pytest.mark.parametrize("form", PLACES)
def test_texts_of_every_further_format_are_cleaned(form: str, hostile: str, network: Network, now: datetime) -> None:
    document, place = PLACES[form]
    try:
        parsed = Reader(ZONE, now, zones=TABLE).read(document.replace(place, hostile).encode())
    except UnreadableAdvisoriesError:
        assert hostile == "x\ufffey"
        return
    (draft,) = parsed.drafts
    assert fault_of(draft.title, 200) is None
    assert fault_of(draft.description, 4_000, prose=True) is None
    assert "y" in draft.title + draft.description
    assert not prepare(parsed, [Matcher(network)], {}).rejected


@pytest.mark.parametrize("form", IDS)
def test_ids_of_every_further_format_are_refused(form: str, now: datetime) -> None:
    document, id_ = IDS[form]
    parsed = Reader(ZONE, now, zones=TABLE).read(document.replace(id_, "a\u202eb").encode())
    assert not parsed.drafts
    assert [one.publisher_id for one in parsed.rejected] == ["a\\u202eb"]


def test_an_id_is_refused_and_not_cleaned(
    make_work_zone: Callable[..., Any], make_feed: Callable[..., Any], now: datetime
) -> None:
    features = [make_work_zone(number) | {"id": id_} for number, id_ in enumerate(["a\0", "a", "ä/?#β", "x" * 601])]
    parsed = Reader(ZONE, now).read(json.dumps(make_feed(features)).encode())
    assert [draft.publisher_id for draft in parsed.drafts] == ["a", "ä/?#β"]
    assert [(one.index, one.publisher_id) for one in parsed.rejected] == [(0, "a\\u0000"), (3, "x" * 600)]
