"""Compares what topics, archive and store hold with what the feed demands."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isclose
from typing import TypeVar

from shared.events.topics import (
    ADVISORIES,
    AGGREGATES,
    ALERT_ACTIONS,
    ALERTS,
    PREDICTIONS,
    SOURCE_OFFSET,
    SOURCE_PARTITION,
    SOURCE_TOPIC,
    TRAFFIC_EVENTS,
    Topic,
)
from tests.chaos.expectation import Expected, WindowKey, milliseconds
from tests.chaos.findings import Area, Findings, differing
from tests.chaos.holdings import PredictionKey, Stored
from tests.chaos.logs import AvroReader, Logged, Values

STRAYED = frozenset(topic.name for topic in (AGGREGATES, PREDICTIONS, ALERTS, ALERT_ACTIONS, ADVISORIES))

TIMES = ("window_start", "window_end", "timestamp", "raised_at", "updated_at", "cleared_at")

# Of how many windows a forecast is made, and how far the speed that it says it started from may be rounded.
LAGS = 12
ROUNDING_MPH = 0.0051

Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was read after a run. `calm_alerts` are those of a run over the same windows without faults.

    `ended` are the services that ended by themselves, and how often, where none of them may. `carriageways`: of each
    network and sensor.
    """

    expected: Expected
    dead_letters: Sequence[Logged]
    aggregates: Sequence[Logged]
    predictions: Sequence[Logged]
    alerts: Sequence[Logged]
    archived: Sequence[tuple[str, Sequence[Values]]]
    stored: Stored
    calm_alerts: Sequence[Logged]
    window_ms: int
    ended: Mapping[str, int] = field(default_factory=dict)
    carriageways: Mapping[tuple[str, str], str] = field(default_factory=dict)


def audit(evidence: Evidence) -> Findings:
    """Judge all areas."""
    evidence = replace(evidence, expected=_settled(evidence))
    letters, dead_lettered = _dead_letters(evidence)
    areas = [
        _log(evidence.expected),
        _rekeyed(evidence.expected),
        _archive(evidence),
        letters,
        _strays(evidence),
        _lives(evidence),
        *_aggregates(evidence),
        *_predictions(evidence),
        *_alerts(evidence),
    ]
    return Findings(areas, len(evidence.expected.poison), dead_lettered)


def _settled(evidence: Evidence) -> Expected:
    """What is expected, with the windows of wrong clocks taken as they are."""
    expected = evidence.expected
    found, _ = _latest("windows", evidence.aggregates, AGGREGATES, _window_key)
    windows = dict(expected.windows)
    wrong = _wrong_clocks(expected)
    figures = next(iter(windows.values()), {}).keys()
    windows |= {key: {name: found[key][name] for name in figures} for key in found if key[:2] in wrong}
    return replace(expected, windows=windows)


def _wrong_clocks(expected: Expected) -> set[tuple[str, str]]:
    return {(event["network_id"], event["sensor_id"]) for event in expected.skewed.values()}


def hangs_on_clocks(evidence: Evidence) -> Callable[[Values], bool]:
    """Whether an alert hangs on when it became known that a clock is wrong, which is a matter of the wall clock.

    From then on its sensor is no evidence: of congestion on its carriageway, and of incidents in its network, whose
    sensors share a budget of alarms.
    """
    wrong = _wrong_clocks(evidence.expected)
    networks = {network_id for network_id, _ in wrong}
    roads = {(network_id, evidence.carriageways.get((network_id, sensor_id))) for network_id, sensor_id in wrong}

    def hangs(alert: Values) -> bool:
        network_id = alert["network_id"]
        if alert["alert_type"] == "incident":
            return network_id in networks
        affected = alert["affected_sensors"]
        return any((network_id, evidence.carriageways.get((network_id, each))) in roads for each in affected)

    return hangs


def _log(expected: Expected) -> Area:
    area = Area("messages on the log", expected=len(expected.archived) + len(expected.skewed) + len(expected.poison))
    area.found, area.repeats = area.expected, expected.repeated_on_log
    area.expected += len(expected.missing_on_log)
    for number in expected.missing_on_log:
        area.lacks(f"message {number}")
    return area


def _rekeyed(expected: Expected) -> Area:
    area = Area("readings published again under their key", expected=len(expected.miskeyed))
    for place, message in expected.miskeyed.items():
        copies = expected.rekeyed.get(place, [])
        area.found += bool(copies)
        area.repeats += max(0, len(copies) - 1)
        if not copies:
            area.lacks(f"the reading at {_shown(place)}")
        elif any(copy != message.fed.value for copy in copies):
            area.differs(f"a copy of the reading at {_shown(place)}")
    for place in expected.rekeyed.keys() - expected.miskeyed.keys():
        area.has_twice(f"the reading at {_shown(place)}, which had its key")
    return area


def _archive(evidence: Evidence) -> Area:
    expected = evidence.expected.archived
    area = Area("readings in the archive", expected=len(expected))
    found: dict[tuple[int, int], str] = {}
    for path, rows in evidence.archived:
        for row in rows:
            place = row["partition"], row["offset"]
            if place in found:
                area.has_twice(f"offset {_shown(place)}, in {found[place]} and {path}")
            elif place in evidence.expected.skewed:
                continue
            elif place not in expected:
                area.has_twice(f"offset {_shown(place)} in {path}, which is no valid reading")
            elif different := differing(expected[place], row):
                area.differs(f"offset {_shown(place)} in {path}: {different[0]}")
            found[place] = path
    area.found = len(found)
    for place in expected.keys() - found.keys():
        area.lacks(f"offset {_shown(place)}")
    return area


def _dead_letters(evidence: Evidence) -> tuple[Area, int]:
    poison = evidence.expected.poison
    area = Area("dead letters", expected=len(poison))
    intact: set[tuple[int, int]] = set()
    seen: set[tuple[int, int]] = set()
    for letter in evidence.dead_letters:
        headers = letter.headers
        if headers[SOURCE_TOPIC].decode() in STRAYED:
            continue
        place = int(headers[SOURCE_PARTITION]), int(headers[SOURCE_OFFSET])
        if headers[SOURCE_TOPIC].decode() != TRAFFIC_EVENTS.name or place not in {**poison, **evidence.expected.skewed}:
            area.has_twice(f"{headers[SOURCE_TOPIC].decode()} {_shown(place)}, which is no poison")
        elif place not in poison:
            continue
        elif place in seen:
            area.has_twice(f"the poison at {_shown(place)}")
        else:
            fed = poison[place].fed
            reason = headers["metrla-reason"].decode()
            if (letter.key, letter.value) != (fed.key, fed.value):
                area.differs(f"the bytes of the poison at {_shown(place)}")
            elif fed.reason and reason != fed.reason:
                area.differs(f"the reason of the poison at {_shown(place)}: {reason}, not {fed.reason}")
            else:
                intact.add(place)
        seen.add(place)
    area.found = len(seen)
    for place in poison.keys() - seen:
        area.lacks(f"the poison at {_shown(place)}: {poison[place].fed.reason}")
    return area, len(intact)


def _strays(evidence: Evidence) -> Area:
    """What nobody can decode on the other topics; of those that groups read each group may dead-letter it."""
    due = evidence.expected.strays
    area = Area("dead letters of other topics", expected=len(due))
    seen: set[tuple[str, bytes | None, bytes | None]] = set()
    for letter in evidence.dead_letters:
        stray = letter.headers[SOURCE_TOPIC].decode(), letter.key, letter.value
        if stray[0] in STRAYED:
            area.repeats += stray in seen
            seen.add(stray)
    area.found = len(seen & due.keys())
    for topic, key, value in due.keys() - seen:
        area.lacks(f"{value!r:.40} under {key!r} on {topic}")
    return area


def _lives(evidence: Evidence) -> Area:
    area = Area("services that no message ended", expected=len(evidence.ended), found=len(evidence.ended))
    for name, times in evidence.ended.items():
        if times:
            area.lacks(f"{name}, which ended by itself {times} times")
    return area


def _aggregates(evidence: Evidence) -> tuple[Area, Area]:
    on_topic, area = _latest("windows on the topic", evidence.aggregates, AGGREGATES, _window_key)
    in_store = Area("windows in the store", found=len(evidence.stored.aggregates))
    for difference in evidence.stored.torn:
        in_store.differs(difference)
    for where, held in ((area, on_topic), (in_store, evidence.stored.aggregates)):
        where.expected = len(evidence.expected.windows)
        for key, due in evidence.expected.windows.items():
            _compare(where, key, {**due, "window_end": key[2] + evidence.window_ms}, held.get(key))
        for key in held.keys() - evidence.expected.windows.keys():
            where.has_twice(f"{key}, which has no reading")
    return area, in_store


def _predictions(evidence: Evidence) -> tuple[Area, Area]:
    """Each window of a sensor has a forecast from it, made of the windows' last revisions, whichever model spoke."""
    on_topic, area = _latest("predictions on the topic", evidence.predictions, PREDICTIONS, _prediction_key)
    windows = evidence.expected.windows
    newest: dict[WindowKey, Values] = {}
    for (network_id, sensor_id, _, origin), values in on_topic.items():
        key = network_id, sensor_id, origin - evidence.window_ms
        if key not in newest or values["revision"] > newest[key]["revision"]:
            newest[key] = values
    revisions: dict[tuple[str, int], int] = defaultdict(int)
    for (network_id, _, start), window in windows.items():
        revisions[network_id, start] += window["revision"]
    area.expected, area.found = len(windows), len(newest.keys() & windows.keys())
    for (network_id, sensor_id, start), window in windows.items():
        key, mean = (network_id, sensor_id, start), window["mean_speed_mph"]
        found = newest.get(key)
        _compare(
            area,
            key,
            {
                "revision": sum(revisions[network_id, start - age * evidence.window_ms] for age in range(LAGS)),
                "current_speed_mph": found["current_speed_mph"] if found and _rounded(mean, found) else mean,
            },
            found,
        )
    in_store = Area("predictions in the store", found=len(evidence.stored.predictions))
    _same_in_store(in_store, on_topic, evidence.stored.predictions, ("revision", "model_version", "current_speed_mph"))
    return area, in_store


def _rounded(mean_mph: float | None, prediction: Values) -> bool:
    current = prediction["current_speed_mph"]
    return mean_mph is not None and current is not None and isclose(mean_mph, current, abs_tol=ROUNDING_MPH)


def _alerts(evidence: Evidence) -> tuple[Area, Area, Area, Area]:
    on_topic, area = _latest("alerts on the topic", evidence.alerts, ALERTS, lambda value: value["alert_id"])
    calm, _ = _latest("calm", evidence.calm_alerts, ALERTS, lambda value: value["alert_id"])
    raised: dict[str, int] = defaultdict(int)
    reader = AvroReader("TrafficAlert")
    for record in evidence.alerts:
        raised[reader.read(record.value)["alert_id"]] += 1
    area.expected = len(on_topic)
    in_store = Area("alerts in the store", found=len(evidence.stored.alerts))
    _same_in_store(
        in_store, on_topic, evidence.stored.alerts, ("revision", "status", "severity", "message", "affected_sensors")
    )
    # The run without faults is fed the windows alone: what forecasts let expect it cannot know.
    hangs = hangs_on_clocks(evidence)
    observed = {
        alert_id: alert for alert_id, alert in on_topic.items() if alert["expected_at"] is None and not hangs(alert)
    }
    calm = {alert_id: alert for alert_id, alert in calm.items() if not hangs(alert)}
    against_calm = Area("alerts as without faults", expected=len(calm), found=len(observed))
    for alert_id, alert in calm.items():
        _compare(against_calm, alert_id, alert, observed.get(alert_id))
    for alert_id in observed.keys() - calm.keys():
        against_calm.has_twice(f"{alert_id}, which a run without faults does not raise")
    return area, in_store, against_calm, _expectations(evidence)


def _expectations(evidence: Evidence) -> Area:
    """Each expectation is raised once, ends once, and says one thing under one revision, whoever died when.

    The log is compacted: of one that is over, all but the end may be gone.
    """
    lives: dict[str, list[Values]] = defaultdict(list)
    reader = AvroReader("TrafficAlert")
    for record in evidence.alerts:
        alert = reader.read(record.value)
        if alert["expected_at"] is not None:
            lives[alert["alert_id"]].append(alert)
    area = Area("expectations, each with one life", expected=len(lives), found=len(lives))
    for alert_id, life in lives.items():
        by_revision: dict[int, Values] = {}
        for alert in life:
            known = by_revision.setdefault(alert["revision"], alert)
            if known is not alert:
                area.repeats += 1
                if different := differing(known, alert):
                    area.has_twice(f"{alert_id}, revision {alert['revision']}: {different[0]}")
        first, *later = (by_revision[revision]["status"] for revision in sorted(by_revision))
        begun_over = first == "cleared" and min(by_revision) == 1
        if begun_over or "raised" in later or "cleared" in (first, *later)[:-1]:
            area.has_twice(f"{alert_id}, whose statuses are {[first, *later]}")
    return area


def _latest(
    name: str, records: Sequence[Logged], topic: Topic, key_of: Callable[[Values], Key]
) -> tuple[dict[Key, Values], Area]:
    """The highest revision of each key; the same revision with other content is a doubling."""
    assert topic.record is not None
    reader, area = AvroReader(topic.record.__name__), Area(name)
    revisions: dict[tuple[Key, int], bytes | None] = {}
    latest: dict[Key, Values] = {}
    for record in records:
        values = _in_milliseconds(reader.read(record.value))
        key, revision = key_of(values), values["revision"]
        if (key, revision) in revisions:
            if revisions[key, revision] == record.value:
                area.repeats += 1
            else:
                area.has_twice(f"{key} in revision {revision} with other content")
        revisions[key, revision] = record.value
        if key not in latest or revision >= latest[key]["revision"]:
            latest[key] = values
    area.found = len(latest)
    return latest, area


def _same_in_store(
    area: Area, on_topic: Mapping[Key, Values], held: Mapping[Key, Values], fields: Sequence[str]
) -> None:
    area.expected = len(on_topic)
    for key, values in on_topic.items():
        _compare(area, key, {name: values[name] for name in fields}, held.get(key))
    for key in held.keys() - on_topic.keys():
        area.has_twice(f"{key}, which is not on the topic")


def _compare(area: Area, key: object, due: Values, found: Values | None) -> None:
    if found is None:
        area.lacks(f"{key}")
    elif different := differing(due, found):
        area.differs(f"{key}: {different[0]}")


def _in_milliseconds(values: Values) -> Values:
    times = {name: milliseconds(values[name]) for name in TIMES if values.get(name) is not None}
    return {**values, **times}


def _window_key(value: Values) -> WindowKey:
    return value["network_id"], value["sensor_id"], value["window_start"]


def _prediction_key(value: Values) -> PredictionKey:
    return value["network_id"], value["sensor_id"], value["model_name"], value["timestamp"]


def _shown(place: tuple[int, int]) -> str:
    return f"{place[0]}:{place[1]}"
