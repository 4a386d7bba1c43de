"""What a store takes, and what it says of a record that it takes from nobody: that is no outage."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.events.avro import decode, encode
from shared.events.errors import RefusedByStoreError
from shared.events.records import (
    AlertId,
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAlert,
    TrafficPrediction,
)
from shared.store.port import Store
from tests.kit.announcements import alert_of
from tests.kit.records import records_of

START = datetime(2026, 3, 1, tzinfo=UTC)
AT_MOST_AT_ONCE = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def alert(network: NetworkId, message: str) -> TrafficAlert:
    return alert_of(
        START,
        alert_id=AlertId(f"{network}-1"),
        network_id=network,
        message=message,
        location="I-405 N",
        affected_sensors=(SensorId("a"),),
        confidence_score=0.5,
    )


@given(st.data())
@AT_MOST_AT_ONCE
def test_whatever_the_limits_allow_is_taken(
    store: Store, new_network: Callable[[], NetworkId], data: st.DataObject
) -> None:
    network = new_network()
    # As it came from the log, to the millisecond.
    window = decode(
        ProcessedTrafficAggregate,
        encode(replace(data.draw(records_of(ProcessedTrafficAggregate)), network_id=network)),
    )
    prediction = replace(data.draw(records_of(TrafficPrediction)), network_id=network)
    one = replace(data.draw(records_of(TrafficAlert)), network_id=network, alert_id=AlertId(f"{network}-β/?#"))
    store.put_aggregates([window])
    store.put_predictions([prediction])
    store.put_alerts([one])
    assert list(store.aggregates(network)) == [window]
    assert list(store.predictions(network)) == [prediction]
    assert list(store.alerts(network)) == [one]


def test_text_that_cannot_be_encoded_is_refused_and_no_outage(store: Store, network: NetworkId) -> None:
    with pytest.raises(RefusedByStoreError):
        store.put_alerts([replace(alert(network, "x"), location="x\ud800y")])
    store.ping()


def test_a_control_character_is_refused_at_most(store: Store, network: NetworkId) -> None:
    # PostgreSQL takes no NUL; the others do.
    with suppress(RefusedByStoreError):
        store.put_alerts([alert(network, "x\0y")])
    store.put_alerts([alert(network, "xy")])
    assert [found.message for found in store.alerts(network)] == ["xy"]


def test_a_number_beyond_its_column_is_refused_and_no_outage(store: Store, network: NetworkId) -> None:
    with pytest.raises(RefusedByStoreError):
        store.put_alerts([replace(alert(network, "x"), revision=2**70)])
    store.ping()
