"""An auditor is worth what it finds: each loss and doubling that is planted must show."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared.events.avro import decode, encode
from shared.events.records import (
    AlertId,
    AlertStatus,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficEvent,
    TrafficPrediction,
)
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from tests.chaos.auditor import Evidence, _expectations, audit, hangs_on_clocks
from tests.chaos.expectation import expect
from tests.chaos.holdings import Stored
from tests.chaos.logs import Logged
from tests.chaos.scenario import Sort, chaos_networks, feed, lanes
from tests.chaos.truth import SEQUENCE_HEADER, FedMessage
from tests.kit.announcements import alert_of

WINDOW_MS = 300_000
LATENESS_MS = 900_000
PER_WINDOW = 5.0
Plant = Callable[[Evidence], Evidence]


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


@pytest.fixture(scope="module")
def clean() -> Evidence:
    return left_of(hostile=False)


@pytest.fixture(scope="module")
def besieged() -> Evidence:
    return left_of(hostile=True)


def left_of(*, hostile: bool) -> Evidence:
    """What services without a fault would leave of 2,000 readings on one partition."""
    networks = chaos_networks(load_network(EXAMPLE_NETWORK), hostile=hostile)
    fed = list(feed(networks, 2_000, 5, hostile=hostile))
    truth = [FedMessage(number, message, acknowledged=True) for number, message in enumerate(fed)]
    log = [
        Logged(0, number, one.key, one.value, {SEQUENCE_HEADER: str(number).encode()})
        for number, one in enumerate(fed)
        if one.sort is not Sort.STRAY
    ]
    for number, message in enumerate(fed):
        if message.sort is Sort.MISKEYED:
            key = decode(TrafficEvent, message.value or b"").sensor_id.encode()
            headers = {SEQUENCE_HEADER: str(number).encode(), "metrla-rekeyed-from": f"0:{number}".encode()}
            log.append(Logged(0, len(fed) + len(log), key, message.value, headers))
    by_lane = lanes(networks, 1)
    expected = expect(log, truth, by_lane, WINDOW_MS, LATENESS_MS, PER_WINDOW)
    windows, predictions = dict[Any, dict[str, Any]](), dict[Any, dict[str, Any]]()
    aggregates, forecasts = list[Logged](), list[Logged]()
    for number, (place, due) in enumerate(expected.windows.items()):
        network_id, sensor_id, start = place
        times = {"window_start": start, "window_end": start + WINDOW_MS}
        aggregate = ProcessedTrafficAggregate(
            **{"network_id": network_id, "sensor_id": sensor_id, **{n: at(ms) for n, ms in times.items()}, **due}
        )
        windows[place] = {"network_id": network_id, "sensor_id": sensor_id, **times, **due}
        aggregates.append(Logged(0, number, b"", encode(aggregate), {}))
        revision = sum(
            window["revision"]
            for (name, _, begin), window in expected.windows.items()
            if name == network_id and start - 11 * WINDOW_MS <= begin <= start
        )
        prediction = TrafficPrediction(
            aggregate.network_id,
            aggregate.sensor_id,
            aggregate.window_end,
            "m",
            "1",
            revision,
            due["mean_speed_mph"],
            (),
        )
        predictions[network_id, sensor_id, "m", start + WINDOW_MS] = {
            "revision": revision,
            "model_version": "1",
            "current_speed_mph": due["mean_speed_mph"],
        }
        forecasts.append(Logged(0, number, b"", encode(prediction), {}))
    letters = [
        Logged(
            0,
            number,
            one.fed.key,
            one.fed.value,
            {
                "metrla-source-topic": b"traffic-events",
                "metrla-source-partition": b"0",
                "metrla-source-offset": str(where[1]).encode(),
                "metrla-reason": (one.fed.reason or "invalid_field").encode(),
            },
        )
        for number, (where, one) in enumerate(expected.poison.items())
    ]
    letters += [
        Logged(0, len(letters), key, value, {"metrla-source-topic": topic.encode()})
        for topic, key, value in expected.strays
    ]
    rows = [{**values, "partition": 0, "offset": offset} for (_, offset), values in expected.archived.items()]
    return Evidence(
        expected=expected,
        dead_letters=letters,
        aggregates=aggregates,
        predictions=forecasts,
        alerts=[],
        archived=[("file", rows)],
        stored=Stored(windows, predictions, {}),
        calm_alerts=[],
        window_ms=WINDOW_MS,
    )


def test_what_is_whole_is_found_clean(clean: Evidence) -> None:
    findings = audit(clean)
    assert findings.clean, [example for area in findings.areas for example in area.examples]
    assert findings.line == f"lost=0 doubled=0 dead_lettered={findings.poison}/{findings.poison}"
    assert findings.poison > 10
    assert len(clean.expected.windows) > 300


def test_what_is_whole_among_what_is_hostile_is_found_clean(besieged: Evidence) -> None:
    findings = audit(replace(besieged, ended={"ingest": 0}))
    assert findings.clean, [example for area in findings.areas for example in area.examples]
    expected = besieged.expected
    assert expected.skewed, "wrong clocks take part"
    assert expected.strays, "and so do strays"


def test_of_wrong_clocks_nothing_is_demanded(besieged: Evidence) -> None:
    place, event = next(iter(besieged.expected.skewed.items()))
    where = {"metrla-source-topic": b"traffic-events", "metrla-source-partition": b"0"}
    headers = {**where, "metrla-source-offset": str(place[1]).encode(), "metrla-reason": b"any"}
    letter = Logged(0, 10**6, b"", b"", headers)
    rows = [*rows_of(besieged), {**event, "partition": 0, "offset": place[1]}]
    assert audit(archive_of(replace(besieged, dead_letters=[*besieged.dead_letters, letter]), rows)).clean


def test_a_second_message_about_a_reading_fills_what_the_first_has_not(besieged: Evidence) -> None:
    key, due = next(entry for entry in besieged.expected.windows.items() if entry[1]["revision"] > PER_WINDOW)
    assert due["volume_vehicles"] is not None
    assert due["speed_count"] <= PER_WINDOW
    changed = {**besieged.stored.aggregates, key: {**besieged.stored.aggregates[key], "volume_vehicles": None}}
    assert audit(replace(besieged, stored=replace(besieged.stored, aggregates=changed))).lost == 1


def test_a_stray_that_is_not_dead_lettered_is_lost(besieged: Evidence) -> None:
    assert audit(replace(besieged, dead_letters=besieged.dead_letters[:-1])).lost == 1


def test_a_service_that_ends_by_itself_is_a_loss(clean: Evidence) -> None:
    assert audit(replace(clean, ended={"ingest": 2, "gateway": 0})).lost == 1


def archive_of(evidence: Evidence, rows: list[dict[str, Any]]) -> Evidence:
    return replace(evidence, archived=[("file", rows)])


def rows_of(evidence: Evidence) -> list[dict[str, Any]]:
    return list(evidence.archived[0][1])


PLANTS: dict[str, tuple[Plant, int, int]] = {
    "a reading not archived": (lambda found: archive_of(found, rows_of(found)[1:]), 1, 0),
    "a reading archived twice": (lambda found: archive_of(found, [*rows_of(found), rows_of(found)[3]]), 0, 1),
    "a reading archived with another speed": (
        lambda found: archive_of(found, [{**rows_of(found)[0], "speed_mph": 1.0}, *rows_of(found)[1:]]),
        1,
        0,
    ),
    "a window not on the topic": (lambda found: replace(found, aggregates=found.aggregates[1:]), 1, 0),
    "a prediction not on the topic": (lambda found: replace(found, predictions=found.predictions[1:]), 1, 1),
    "a dead letter lost": (lambda found: replace(found, dead_letters=found.dead_letters[1:]), 1, 0),
    "a dead letter twice": (
        lambda found: replace(found, dead_letters=[*found.dead_letters, found.dead_letters[0]]),
        0,
        1,
    ),
    "a dead letter with other bytes": (
        lambda found: replace(
            found, dead_letters=[replace(found.dead_letters[0], value=b"?"), *found.dead_letters[1:]]
        ),
        1,
        0,
    ),
}


@pytest.mark.parametrize("name", PLANTS)
def test_each_planted_fault_is_found(clean: Evidence, name: str) -> None:
    plant, lost, doubled = PLANTS[name]
    findings = audit(plant(clean))
    assert (findings.lost, findings.doubled) == (lost, doubled)
    assert not findings.clean


def test_a_window_lost_or_changed_in_the_store_is_found(clean: Evidence) -> None:
    key, *_ = clean.stored.aggregates
    without = {one: row for one, row in clean.stored.aggregates.items() if one != key}
    assert audit(replace(clean, stored=replace(clean.stored, aggregates=without))).lost == 1
    changed = {**clean.stored.aggregates, key: {**clean.stored.aggregates[key], "revision": 99}}
    assert audit(replace(clean, stored=replace(clean.stored, aggregates=changed))).lost == 1


def test_one_revision_with_two_contents_is_a_doubling(clean: Evidence) -> None:
    window = decode(ProcessedTrafficAggregate, clean.aggregates[0].value or b"")
    other = replace(clean.aggregates[0], value=encode(replace(window, last_event_id="another")))
    assert audit(replace(clean, aggregates=[other, *clean.aggregates])).doubled == 1


def test_the_same_record_again_is_a_repeat_and_no_doubling(clean: Evidence) -> None:
    findings = audit(replace(clean, aggregates=[clean.aggregates[0], *clean.aggregates]))
    assert findings.clean
    assert sum(area.repeats for area in findings.areas) == 1


def test_an_expectation_has_one_life(clean: Evidence) -> None:
    at = datetime(2026, 3, 3, 14, tzinfo=UTC)
    raised = alert_of(
        at,
        alert_id=AlertId("e"),
        network_id=NetworkId("n"),
        message="soon",
        location="here",
        affected_sensors=(SensorId("s"),),
        expected_at=at,
    )
    cleared = replace(raised, status=AlertStatus.CLEARED, revision=2, cleared_at=at, message="over")

    def lived(*changes: TrafficAlert) -> tuple[int, int]:
        alerts = [replace(clean.aggregates[0], value=encode(change)) for change in changes]
        area = _expectations(replace(clean, alerts=alerts))
        return area.doubled, area.repeats

    assert lived(raised, raised, cleared) == (0, 1)
    assert lived(raised, replace(raised, message="otherwise")) == (1, 1)
    assert lived(raised, cleared, replace(raised, revision=3)) == (1, 0)
    assert lived(raised, cleared, replace(cleared, revision=3)) == (1, 0)
    assert lived(cleared) == (0, 0), "the log is compacted"
    assert lived(replace(cleared, revision=1)) == (1, 0)


def test_alerts_that_hang_on_a_wrong_clock_are_not_compared(besieged: Evidence) -> None:
    wrong = next(iter(besieged.expected.skewed.values()))
    network_id, sensor_id = wrong["network_id"], wrong["sensor_id"]
    roads = {(network_id, sensor_id): "I-10 E", (network_id, "beside"): "I-10 E", (network_id, "away"): "I-5 N"}
    hangs = hangs_on_clocks(replace(besieged, carriageways=roads))

    def alert(kind: str, *sensors: str, network: str = network_id) -> dict[str, object]:
        return {"network_id": network, "alert_type": kind, "affected_sensors": list(sensors)}

    assert hangs(alert("congestion", sensor_id))
    assert hangs(alert("congestion", "away", "beside"))
    assert not hangs(alert("congestion", "away"))
    assert hangs(alert("incident", "away"))
    assert not hangs(alert("incident", "away", network="another"))
