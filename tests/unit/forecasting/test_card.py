"""One card: its writer, its readers, and cards of other releases."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from metrla.lab.forecasting.recording import Recording
from metrla.lab.forecasting.training.run.card import Choice
from metrla.lab.forecasting.training.train import train
from shared.events.errors import ModelError
from shared.forecasting.models.card import FORMAT, FitOrigin, FitOutcome, ModelCard, TrainingReport
from shared.forecasting.models.forecaster import ENSEMBLE, LINEAR_REGRESSION
from shared.forecasting.registry.pretrained import SHIPPED
from shared.traffic.network import Network
from tests.kit.forecasting import History

SHIPPED_CARDS = sorted(SHIPPED.rglob("card.json"))


@pytest.mark.parametrize("path", SHIPPED_CARDS, ids=lambda path: path.parts[-3])
def test_cards_that_were_shipped_are_read_whole(path: Path) -> None:
    card = ModelCard.read(path.read_bytes())
    card.expect(FORMAT, "metr-la", path.parts[-3], 300.0)
    assert len(card.sensors) == 207
    assert card.training_data is not None
    assert card.created_at == datetime(2026, 11, 30, 14, 0, 9, tzinfo=UTC)
    assert set(card.results["test"]) == set(range(5, 65, 5))
    assert card.calibration is not None
    assert card.calibration.coverage_90[60] == pytest.approx(0.9, abs=0.02)
    assert bool(card.members) == (path.parts[-3] == ENSEMBLE)
    assert {"sensors", "inputs"} == card.content.keys() - card.short.keys()


@pytest.mark.parametrize("path", SHIPPED_CARDS, ids=lambda path: path.parts[-3])
def test_cards_that_were_shipped_would_be_written_alike(path: Path) -> None:
    content = json.loads(path.read_bytes())
    origin, outcome = FitOrigin.model_validate(content), FitOutcome.model_validate(content)
    again = TrainingReport(content["settings"], origin, outcome).entries()
    identity = "format", "network_id", "model_name", "version", "window_seconds", "files", "members", "sensors"
    assert json.dumps(again) == json.dumps({name: content[name] for name in content if name not in identity})


def test_minutes_need_not_be_whole() -> None:
    errors = {"2.5": {"mae": 1.0}, "5": {"mae": 2.0}}
    card = ModelCard.read(json.dumps({"results": {"test": errors}}).encode())
    assert list(card.results["test"]) == [2.5, 5]


def test_what_the_training_writes_is_what_readers_know(network: Network, history: History) -> None:
    recording = Recording(network, history.start, history.speed_mph, "a test")
    artefact = train(recording, Choice((LINEAR_REGRESSION,)), now=history.start).artefacts[LINEAR_REGRESSION]
    card = ModelCard.read(artefact.card)
    card.expect(FORMAT, network.network_id, LINEAR_REGRESSION, 300.0)
    card.check(artefact.files, needed="model.safetensors")
    assert card.training_data is not None
    assert (card.training_data.source, card.training_data.windows) == ("a test", len(history.speed_mph))
    assert card.sensors == [sensor.sensor_id for sensor in network.sensors]
    assert card.created_at == history.start
    assert card.what
    assert card.inputs
    assert card.importance
    assert card.settings
    assert set(card.results) == {"validation", "test"}


@pytest.mark.parametrize("data", [b"", b"[]", b"7", b"{", b"\xff"])
def test_what_is_no_card_is_refused(data: bytes) -> None:
    with pytest.raises(ModelError, match="card"):
        ModelCard.read(data)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({}, "'files' is missing"),
        ({"files": []}, "files are no object"),
        ({"files": {"a": {"sha256": "0"}}}, "a is damaged"),
        ({"files": {"b": {}}}, "b is missing"),
        ({"files": {"a": None}}, "the sha256 of a is missing"),
        ({"files": {}}, "a is not on the card"),
    ],
)
def test_files_are_those_of_the_card(content: dict[str, object], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        ModelCard(content).check({"a": b"x"}, needed="a")


def test_entries_that_nobody_knows_survive() -> None:
    content = {"what": 7, "sensors": ["a"], "of the future": {"x": 1}}
    card = ModelCard.read(json.dumps(content).encode())
    assert card.what is None
    assert card.short == {"what": 7, "of the future": {"x": 1}}


def test_files_of_odd_names_are_refused_in_one_line() -> None:
    card = ModelCard.read(json.dumps({"files": {"a\nb\x1b": {"sha256": "0"}}}).encode())
    for files in ({}, {"a\nb\x1b": b""}):
        with pytest.raises(ModelError) as refused:
            card.check(files)
        assert str(refused.value).isprintable()
