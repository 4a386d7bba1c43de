"""What services keep for themselves and read again: checkpoints, learned states, models' cards, archives, settings."""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import cache
from typing import Any
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st
from pydantic_settings import BaseSettings

from services.alert_detector.settings import AlertDetectorSettings
from services.gateway.settings import GatewaySettings
from services.ingest.checkpoint import MAX_METADATA_BYTES, Checkpoint, NetworkProgress
from services.ingest.settings import IngestSettings
from services.ingest.windows import PartitionWindows, WindowPolicy
from services.predictor.recent_log import health_in, health_messages, messages_of, put_rows, rows_in
from services.predictor.settings import PredictorSettings
from shared.alerts.learned.learner import Learner
from shared.alerts.learned.wire import LearnedRecords, UnreadableStateError, records_of
from shared.archive.container import ArchivedEvent, decode_container, encode_container
from shared.events.errors import ArchiveError, ConfigurationError, ModelError, RejectedEventError
from shared.forecasting.inputs.health_course import HealthCourse
from shared.forecasting.models.card import ModelCard
from shared.runtime.settings import PlatformSettings, read_settings
from shared.traffic.steps import Step
from shared.traffic.usual.recent import RecentSpeeds
from tests.fuzz.mutation import HOSTILE_NUMBERS, HOSTILE_TEXTS, changed, changed_json, damaged, json_bytes
from tests.fuzz.records import AT, EVENT, NETWORK, Message, demand_one_line
from tests.fuzz.target import Target

CHECKPOINT = Checkpoint(7, 9, {NETWORK.network_id: NetworkProgress(1_000, 2_000)})
SETTINGS: dict[str, type[BaseSettings]] = {
    "platform": PlatformSettings,
    "ingest": IngestSettings,
    "predictor": PredictorSettings,
    "alert-detector": AlertDetectorSettings,
    "gateway": GatewaySettings,
}
CARD: dict[str, Any] = {
    "format": 2,
    "network_id": "toy",
    "model_name": "xgboost",
    "version": "1",
    "window_seconds": 300.0,
    "files": {"model.onnx": {"bytes": 3, "sha256": "0" * 64}},
    "members": {"xgboost": "1"},
    "settings": {"trees": 100},
    "what": "Trees.",
    "created_at": "2026-11-01T00:00:00+00:00",
    "results": {"test": {"15": {"mae": 2.9, "rmse": 5.6, "mape": 7.7}}},
    "training_data": {
        "source": "s",
        "from": "2026-01-01T00:00:00Z",
        "to": "2026-02-01T00:00:00Z",
        "windows": 1,
        "sha256": "0",
        "network_sha256": "0",
    },
    "calibration": {"coverage_90": {"15": 0.9}, "ece": 0.1},
    "importance": {"last speed": 0.7},
    "inputs": {"speed_bin_mph": 5, "speed_share": [[0.5, 0.5]], "missing_share": [0.0]},
    "sensors": ["s0"],
}


def _checkpoint(metadata: bytes) -> None:
    found = Checkpoint.read(7, metadata.decode("utf-8", "surrogatepass") if _is_text(metadata) else "")
    if found is None:
        return
    assert len(found.metadata().encode()) <= MAX_METADATA_BYTES
    windows = PartitionWindows({NETWORK.network_id: NETWORK}, WindowPolicy(), found)
    windows.add(EVENT, 8)
    windows.drain()
    windows.checkpoint(9, 9).metadata().encode()


def _is_text(data: bytes) -> bool:
    try:
        data.decode()
    except ValueError:
        return False
    return True


@cache
def _learner() -> Learner:
    return Learner(NETWORK)


@cache
def _learned() -> tuple[bytes, ...]:
    learner = _learner()
    speed, nothing = np.array([60.0, 50.0, np.nan]), np.full(3, np.nan)
    before = learner.nothing()
    lesson = learner.step(before, learner.hours(before), AT, speed, nothing, nothing)
    return tuple(record.value for record in records_of(learner, lesson.after))


def _alert_state(values: list[bytes]) -> None:
    records = LearnedRecords(_learner())
    for value in values:
        try:
            records.put(value)
        except UnreadableStateError:
            continue
    learner, learned = _learner(), records.state()
    if learned is not None:
        speed, nothing = np.array([60.0, 50.0, np.nan]), np.full(3, np.nan)
        after = learner.step(learned, learner.hours(learned), AT + timedelta(minutes=5), speed, nothing, nothing).after
        records_of(learner, after)


def _recent() -> bytes:
    rows = RecentSpeeds(NETWORK).rows_of([AT], np.array([[60.0, 50.0, np.nan]]))
    (message,) = messages_of(NETWORK, rows)
    return message.value or b""


def _health() -> bytes:
    course = HealthCourse(NETWORK)
    (message,) = health_messages(course, course.windows(_step()))
    return message.value or b""


def _step() -> Step:
    speed, nothing = np.array([[60.0, 50.0, np.nan]]), np.full((1, 3), np.nan)
    return Step(NETWORK, AT, speed, nothing, nothing, nothing, np.ones((1, 3), np.int64), again=False)


def _sensor_health(value: bytes) -> None:
    course = HealthCourse(NETWORK)
    kept: Any = Message("predictor-state", 0, 0, b"toy/health", value)
    with suppress(RejectedEventError):
        for _, windows in health_in(kept, {NETWORK.network_id: course}):
            course.learn(windows)
    later = replace(_step(), window_start=AT + timedelta(minutes=5))
    course.doubts(later)
    health_messages(course, course.windows(later))


def _predictor_state(value: bytes) -> None:
    recent = RecentSpeeds(NETWORK)
    kept: Any = Message("predictor-state", 0, 0, b"toy/0", value)
    with suppress(RejectedEventError):
        put_rows([row for _, row in rows_in(kept, {NETWORK.network_id: recent})], recent)
    speed = np.array([[60.0, 50.0, np.nan]])
    messages_of(NETWORK, recent.rows_of([AT + timedelta(minutes=5)], speed))


def _archive(content: bytes) -> None:
    try:
        for archived in decode_container(content, "raw.avro"):
            encode_container([archived])
    except ArchiveError as refused:
        demand_one_line(refused)


def _archived() -> bytes:
    return encode_container([ArchivedEvent(EVENT, 0, 1), ArchivedEvent(replace(EVENT, event_id="e2"), 0, 2)])


def _card(data: bytes) -> None:
    try:
        card = ModelCard.read(data)
    except ModelError as refused:
        demand_one_line(refused)
        return
    for of_card in (
        lambda: card.expect(2, "toy", "xgboost", 300.0),
        lambda: card.sensors,
        lambda: card.check({"model.onnx": b"abc"}, "model.onnx"),
    ):
        try:
            of_card()
        except ModelError as refused:
            demand_one_line(refused)
    assert isinstance(card.members, dict)
    assert isinstance(card.results, dict)
    json.dumps([card.what, str(card.created_at), card.settings, card.importance, dict(card.short)])
    str((card.training_data, card.calibration, card.inputs))


def _settings(case: tuple[str, Mapping[str, str]]) -> None:
    name, variables = case
    # The process's own variables are the input here.
    with patch.dict(os.environ, variables):
        try:
            read_settings(SETTINGS[name])
        except ConfigurationError as refused:
            demand_one_line(refused)


@st.composite
def _variables(draw: st.DrawFn) -> tuple[str, dict[str, str]]:
    name = draw(st.sampled_from(sorted(SETTINGS)))
    kind = SETTINGS[name]
    prefix = str(kind.model_config["env_prefix"])
    names = st.sampled_from([f"{prefix}{field.upper()}" for field in kind.model_fields])
    said = st.sampled_from((*HOSTILE_TEXTS, *map(str, HOSTILE_NUMBERS), "true", ",", "file://", "http://[", "*"))
    values = (said | st.text(max_size=20)).filter(lambda text: "\0" not in text and _is_utf8(text))
    return name, draw(st.dictionaries(names, values, min_size=1, max_size=3))


def _is_utf8(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


TARGETS = (
    Target(
        "checkpoints",
        changed_json([json.loads(CHECKPOINT.metadata())]) | damaged([CHECKPOINT.metadata().encode()]),
        _checkpoint,
    ),
    Target("alert-state", st.deferred(lambda: st.lists(damaged(_learned()), min_size=1, max_size=3)), _alert_state),
    Target("predictor-state", st.deferred(lambda: damaged([_recent()])), _predictor_state),
    Target("sensor-health", st.deferred(lambda: damaged([_health()])), _sensor_health),
    Target("archive", st.deferred(lambda: damaged([_archived()])), _archive),
    Target("cards", changed([CARD]).map(json_bytes) | damaged([json_bytes(CARD)]), _card),
    Target("settings", _variables(), _settings),
)
