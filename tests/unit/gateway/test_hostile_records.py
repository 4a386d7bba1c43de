"""Whatever is on the log within the limits: the gateway takes it in and can answer with it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.gateway.advisories.advisory import Advisory
from services.gateway.alerts.alert import Alert
from services.gateway.views.advisories import AdvisoryQuery, AdvisoryState
from services.gateway.views.alerts import AlertQuery
from services.gateway.views.traffic import TrafficView
from shared.events.avro import decode, encode
from shared.events.errors import RejectedEventError
from shared.events.records import (
    NetworkId,
    ProcessedTrafficAggregate,
    SensorId,
    TrafficAdvisory,
    TrafficAlert,
    TrafficPrediction,
)
from shared.traffic.network import Network
from tests.kit.records import anything, records_of

KNOWN = {"network_id": NetworkId("toy"), "sensor_id": SensorId("s0")}
ONCE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def known(record: Any) -> Any:  # noqa: ANN401 - a record of any kind
    """The record, of a network and a sensor that there are."""
    return replace(record, **{name: value for name, value in KNOWN.items() if hasattr(record, name)})


def of(kind: type[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(records_of(kind), anything(kind)).map(known)


@ONCE
@given(record=of(TrafficAlert))
def test_alerts(record: TrafficAlert, networks: dict[NetworkId, Network]) -> None:
    view = TrafficView(networks, timedelta(minutes=60), max_alerts=5)
    try:
        view.apply(decode(TrafficAlert, encode(record)))
    except RejectedEventError:
        return
    for alert in view.alerts.find(AlertQuery(limit=5)):
        Alert.of(alert).model_dump_json()


@ONCE
@given(record=of(TrafficAdvisory))
def test_advisories(record: TrafficAdvisory, networks: dict[NetworkId, Network]) -> None:
    view = TrafficView(networks, timedelta(minutes=60), max_alerts=5)
    try:
        view.advisories.apply(decode(TrafficAdvisory, encode(record)), 1)
    except RejectedEventError:
        return
    at = record.starts_at
    for advisory in view.advisories.find(AdvisoryQuery(limit=5, states=frozenset(AdvisoryState)), at):
        Advisory.of(advisory, at).model_dump_json()


@ONCE
@given(records=st.lists(st.one_of(of(ProcessedTrafficAggregate), of(TrafficPrediction)), max_size=4))
def test_windows_and_predictions(
    records: list[Any], view: TrafficView, window: Callable[..., Any], prediction: Callable[..., Any]
) -> None:
    view.apply(window(0))
    view.apply(prediction(0))
    for record in records:
        try:
            view.apply(decode(type(record), encode(record)))
        except RejectedEventError:
            continue
    assert view.event_time is None or isinstance(view.event_time, datetime)
