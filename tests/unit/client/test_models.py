"""The client's models are its own; these tests hold them to what the gateway answers and takes."""

import json
from enum import StrEnum

import pytest
from pydantic import BaseModel

from metrla import client
from metrla.client import models
from services.gateway import responses
from services.gateway.advisories import advisory as advisories
from services.gateway.advisories import new_advisory
from services.gateway.alerts import actions
from services.gateway.alerts import alert as alerts
from services.gateway.live import channels
from services.gateway.models import report
from services.gateway.views.advisories import AdvisoryState
from shared.alerts.advisories import draft
from shared.events import records
from shared.forecasting.models.card import TrainingData
from shared.store.model_records import ModelRole

SERVED: tuple[type[BaseModel], ...] = (
    responses.Prediction,
    responses.SensorReport,
    responses.Aggregate,
    responses.NetworkReport,
    alerts.Window,
    alerts.Evidence,
    alerts.Action,
    alerts.Alert,
    advisories.Advisory,
    advisories.FeatureFault,
    advisories.Receipt,
    report.ModelReport,
    report.ModelDetail,
    TrainingData,
    actions.NewAction,
    new_advisory.NewAdvisory,
)
ENUMS: tuple[tuple[type[StrEnum], type[StrEnum]], ...] = (
    (models.AlertType, records.AlertType),
    (models.AlertSeverity, records.AlertSeverity),
    (models.AlertStatus, records.AlertStatus),
    (models.AlertActionKind, records.AlertActionKind),
    (models.AdvisoryType, records.AdvisoryType),
    (models.AdvisoryState, AdvisoryState),
    (models.DocumentFormat, draft.Format),
    (models.PredictionBasis, records.PredictionBasis),
    (models.ModelRole, ModelRole),
    (models.Channel, channels.Channel),
)
RENAMED = {"Format": "DocumentFormat"}


def schema_of(kind: type[BaseModel], mode: str) -> dict[str, object]:
    schema = kind.model_json_schema(mode=mode)  # type: ignore[arg-type]  # a literal of two
    definitions = schema.get("$defs", {})
    for each in definitions.values():
        if "enum" in each:
            each.pop("description")  # those of the platform speak of its inside
    for name, renamed in RENAMED.items():
        if name in definitions:
            definitions[name]["title"] = renamed
            schema = json.loads(
                json.dumps(schema).replace(f'"{name}"', f'"{renamed}"').replace(f'/{name}"', f'/{renamed}"')
            )
    return schema


@pytest.mark.parametrize("mode", ["serialization", "validation"])
@pytest.mark.parametrize("served", SERVED, ids=lambda kind: kind.__name__)
def test_a_model_is_the_gateways(served: type[BaseModel], mode: str) -> None:
    assert schema_of(getattr(models, served.__name__), mode) == schema_of(served, mode)


@pytest.mark.parametrize(("own", "served"), ENUMS, ids=lambda kind: kind.__name__)
def test_an_enum_has_the_gateways_values(own: type[StrEnum], served: type[StrEnum]) -> None:
    assert {each.name: each.value for each in own} == {each.name: each.value for each in served}


def test_every_public_name_is_there() -> None:
    assert all(hasattr(client, name) for name in client.__all__)
