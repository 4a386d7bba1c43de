import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.gateway.live.channels import Channel, Selection
from services.gateway.live.client_messages import Ping, Subscribe, error, parse, subscribed, unknown_model


def test_a_ping() -> None:
    assert isinstance(parse('{"type": "ping"}'), Ping)


def test_a_bare_subscription_is_the_default() -> None:
    message = parse('{"type": "subscribe"}')
    assert isinstance(message, Subscribe)
    assert message.selections() == {Channel.PREDICTIONS: Selection(None, 15)}


def test_the_horizon_restricts_predictions_alone() -> None:
    message = parse(b'{"type":"subscribe","channels":["alerts","predictions"],"horizon_minutes":30,"sensor_ids":["a"]}')
    assert isinstance(message, Subscribe)
    assert message.selections() == {
        Channel.PREDICTIONS: Selection(frozenset({"a"}), 30),  # type: ignore[arg-type]  # a literal id
        Channel.ALERTS: Selection(frozenset({"a"}), None),  # type: ignore[arg-type]  # a literal id
    }


def test_all_horizons() -> None:
    message = parse('{"type": "subscribe", "horizon_minutes": "all"}')
    assert isinstance(message, Subscribe)
    assert message.selections()[Channel.PREDICTIONS].horizon_minutes is None
    assert json.loads(subscribed(message)) == {
        "type": "subscribed",
        "channels": ["predictions"],
        "sensor_ids": None,
        "horizon_minutes": "all",
        "model": None,
    }


def test_a_model_may_be_asked_for() -> None:
    message = parse('{"type": "subscribe", "channels": ["predictions", "sensors"], "model": "xgboost"}')
    assert isinstance(message, Subscribe)
    assert message.selections() == {
        Channel.PREDICTIONS: Selection(None, 15, "xgboost"),
        Channel.SENSORS: Selection(),
    }
    refusal = json.loads(unknown_model(["ensemble", "xgboost"]))
    assert refusal["type"] == "error"
    assert refusal["errors"] == [
        {"name": "subscribe.model", "detail": "there is no such model, only ensemble, xgboost"}
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "[]",
        "null",
        "{}",
        '{"type": "publish"}',
        '{"type": "ping", "more": 1}',
        '{"type": "subscribe", "channels": []}',
        '{"type": "subscribe", "channels": ["weather"]}',
        '{"type": "subscribe", "sensor_ids": "a"}',
        '{"type": "subscribe", "sensor_ids": [""]}',
        '{"type": "subscribe", "horizon_minutes": 0}',
        '{"type": "subscribe", "model": ""}',
        b"\xff\xfe",
    ],
)
def test_what_is_no_message_is_answered_with_its_faults(text: str | bytes) -> None:
    with pytest.raises(ValidationError) as invalid:
        parse(text)
    answer = json.loads(error(invalid.value))
    assert answer["type"] == "error"
    assert answer["errors"]
    assert set(answer["errors"][0]) == {"name", "detail"}


@given(st.one_of(st.text(), st.binary(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_no_bytes_break_the_parser(text: str | bytes) -> None:
    try:
        message = parse(text)
    except ValidationError as invalid:
        json.loads(error(invalid))
    else:
        assert isinstance(message, Ping | Subscribe)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "ping", "type": "subscribe"}',
        '{"type": "subscribe", "channels": ["alerts"], "channels": ["predictions"]}',
    ],
)
def test_a_field_that_is_there_twice_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        parse(text)
    assert "is there twice" in error(refused.value)
