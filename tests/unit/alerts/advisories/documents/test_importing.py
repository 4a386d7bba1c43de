"""From documents to records: stable ids, updates, what is taken back."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from shared.alerts.advisories.documents.draft import Parsed
from shared.alerts.advisories.documents.formats import nws, wzdx
from shared.alerts.advisories.documents.importing import ImportResult, prepare
from shared.alerts.advisories.documents.matching import Matcher
from shared.events.avro import decode, encode
from shared.events.records import AdvisoryId, TrafficAdvisory
from shared.traffic.network import Network

Document = dict[str, Any]
FEED = "https://511.example/wzdx"
AREA = {"type": "Polygon", "coordinates": [[[-118.6, 33.9], [-118.2, 33.9], [-118.2, 34.9], [-118.6, 33.9]]]}


class Log:
    """The advisories on the log, as they come back from it."""

    def __init__(self, network: Network) -> None:
        self.matchers = [Matcher(network)]
        self.standing: dict[AdvisoryId, TrafficAdvisory] = {}

    def take(self, parsed: Parsed, *, complete: bool = False) -> ImportResult:
        outcome = prepare(parsed, self.matchers, self.standing, FEED, complete=complete)
        for change in outcome.changes:
            self.standing[change.advisory_id] = decode(TrafficAdvisory, encode(change))
        return outcome

    @property
    def valid(self) -> set[str]:
        return {known.publisher_id for known in self.standing.values() if not known.withdrawn}


@pytest.fixture
def log(network: Network) -> Log:
    return Log(network)


def message(
    identifier: str, kind: str = "Alert", hour: int = 1, references: Iterable[tuple[str, int]] = ()
) -> Document:
    return {
        "type": "Feature",
        "geometry": AREA,
        "properties": {
            "id": identifier, "sent": f"2026-11-03T{hour:02}:00:00Z", "status": "Actual", "messageType": kind,
            "event": "Wind Advisory", "expires": "2026-11-04T00:00:00Z", "severity": "Moderate", "areaDesc": "LA",
            "headline": f"as of {hour}",
            "references": [
                {"identifier": earlier, "sender": "s", "sent": f"2026-11-03T{sent:02}:00:00Z"}
                for earlier, sent in references
            ],
        },
    }  # fmt: skip


def weather(*messages: Document) -> Parsed:
    return nws.parse({"type": "FeatureCollection", "features": list(messages)})


def test_the_same_file_again_changes_nothing(
    log: Log, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    document = make_feed([make_work_zone(number) for number in range(20)])
    first = log.take(wzdx.parse(document))
    assert (first.new, first.unchanged) == (20, 0)
    for feature in document["features"]:
        feature["properties"]["core_details"]["update_date"] = "2026-11-02T00:00:00Z"
    again = log.take(wzdx.parse(document))
    assert (again.new, again.unchanged) == (0, 20)
    assert [a.advisory_id for a in again.advisories] == [a.advisory_id for a in first.advisories]


def test_an_update_keeps_the_id_and_an_older_one_is_refused(
    log: Log, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    old, new = make_work_zone(1), make_work_zone(1)
    new["properties"]["core_details"] |= {"name": "Paving, longer", "update_date": "2026-11-02T00:00:00Z"}
    log.take(wzdx.parse(make_feed([old])))
    assert log.take(wzdx.parse(make_feed([new]))).new == 1
    assert log.take(wzdx.parse(make_feed([old]))).stale == 1
    (known,) = log.standing.values()
    assert known.title == "Paving, longer"


def test_what_a_complete_feed_leaves_out_is_taken_back_but_not_what_is_damaged(
    log: Log, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    features = [make_work_zone(number) for number in range(3)]
    log.take(wzdx.parse(make_feed(features)))
    damaged = copy.deepcopy(features[1])
    damaged["geometry"] = None
    assert log.take(wzdx.parse(make_feed([features[0], damaged]))).withdrawn == 0
    outcome = log.take(wzdx.parse(make_feed([features[0], damaged])), complete=True)
    assert outcome.withdrawn == 1
    assert log.valid == {"wz-0000", "wz-0001"}
    assert log.take(wzdx.parse(make_feed(features))).new == 1, "it came back"


def test_an_event_that_is_over_is_taken_back_once(
    log: Log, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    feature = make_work_zone(1)
    log.take(wzdx.parse(make_feed([feature])))
    feature["properties"]["event_status"] = "completed"
    assert log.take(wzdx.parse(make_feed([feature]))).withdrawn == 1
    assert log.take(wzdx.parse(make_feed([feature]))).withdrawn == 0
    assert log.valid == set()


def test_an_advisory_that_touches_nothing_is_told(
    log: Log, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    feature = make_work_zone(1)
    feature["properties"]["core_details"]["road_names"] = ["I-5"]
    outcome = log.take(wzdx.parse(make_feed([feature])))
    assert [unmatched.publisher_id for unmatched in outcome.unmatched] == ["wz-0001"]
    assert log.standing == {}


def test_a_chain_of_messages_is_one_advisory(log: Log) -> None:
    log.take(weather(message("a")))
    log.take(weather(message("b", "Update", 2, [("a", 1)])))
    log.take(weather(message("c", "Update", 3, [("b", 2)])))
    (known,) = log.standing.values()
    assert known.publisher_id == "c"
    log.take(weather(message("d", "Cancel", 4, [("c", 3)])))
    assert log.valid == set()
    assert log.take(weather(message("b", "Update", 2, [("a", 1)]))).stale == 1
    assert log.valid == set()


def test_a_chain_in_one_document_is_one_advisory(log: Log) -> None:
    outcome = log.take(weather(message("a"), message("b", "Update", 2, [("a", 1)])))
    assert (outcome.new, outcome.superseded) == (1, 1)
    assert log.valid == {"b"}
    other = Log(log.matchers[0].network)
    other.take(weather(message("a")))
    assert other.standing.keys() == log.standing.keys()


def test_a_chain_that_splits_has_two_advisories(log: Log) -> None:
    log.take(weather(message("a")))
    log.take(weather(message("b", "Update", 2, [("a", 1)]), message("c", "Update", 2, [("a", 1)])))
    assert log.valid == {"b", "c"}
    again = log.take(weather(message("b", "Update", 2, [("a", 1)]), message("c", "Update", 2, [("a", 1)])))
    assert (again.new, again.withdrawn) == (0, 0)


def test_ids_of_other_networks_are_left_alone(
    log: Log, make_feed: Callable[..., Document], make_work_zone: Callable[..., Document]
) -> None:
    log.take(wzdx.parse(make_feed([make_work_zone(1)])))
    assert prepare(wzdx.parse(make_feed([])), [], log.standing, FEED, complete=True).changes == []
