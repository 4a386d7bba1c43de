"""The client's models are its own; these tests hold them to what the gateway answers and takes."""

import json
from enum import StrEnum

import pytest
from fastapi import FastAPI
from pydantic import BaseModel

from metrla import client
from metrla.client import advisories, alerts, models, traffic, values
from services.gateway import responses
from services.gateway.advisories import advisory as served_advisories
from services.gateway.advisories import new_advisory
from services.gateway.alerts import actions
from services.gateway.alerts import alert as served_alerts
from services.gateway.live import channels
from services.gateway.models import report
from services.gateway.routes import advisories as advisory_routes
from services.gateway.routes import alerts as alert_routes
from services.gateway.routes import health, history, predictions, root, sensors
from services.gateway.routes import models as model_routes
from services.gateway.views import ages
from services.gateway.views.advisories import AdvisoryState
from shared.alerts.advisories.documents import draft
from shared.events import records
from shared.forecasting.models.card import TrainingData
from shared.store.model_records import ModelRole

SERVED: tuple[tuple[type[BaseModel], type[BaseModel]], ...] = (
    (traffic.Prediction, responses.Prediction),
    (traffic.SensorDoubt, responses.SensorDoubt),
    (traffic.SensorReport, responses.SensorReport),
    (traffic.SensorTimesReport, responses.SensorTimesReport),
    (traffic.Aggregate, responses.Aggregate),
    (traffic.StageAge, responses.StageAge),
    (traffic.DataAge, responses.DataAge),
    (traffic.NetworkReport, responses.NetworkReport),
    (alerts.Window, served_alerts.Window),
    (alerts.Evidence, served_alerts.Evidence),
    (alerts.Action, served_alerts.Action),
    (alerts.Alert, served_alerts.Alert),
    (advisories.Advisory, served_advisories.Advisory),
    (advisories.FeatureFault, served_advisories.FeatureFault),
    (advisories.FeatureRest, served_advisories.FeatureRest),
    (advisories.Receipt, served_advisories.Receipt),
    (models.ModelReport, report.ModelReport),
    (models.ModelDetail, report.ModelDetail),
    (models.TrainingData, TrainingData),
    (alerts.NewAction, actions.NewAction),
    (advisories.NewAdvisory, new_advisory.NewAdvisory),
)
ENUMS: tuple[tuple[type[StrEnum], type[StrEnum]], ...] = (
    (values.AlertType, records.AlertType),
    (values.AlertSeverity, records.AlertSeverity),
    (values.AlertStatus, records.AlertStatus),
    (values.AlertActionKind, records.AlertActionKind),
    (values.AdvisoryType, records.AdvisoryType),
    (values.AdvisoryState, AdvisoryState),
    (values.DocumentFormat, draft.DocumentFormat),
    (values.PredictionBasis, records.PredictionBasis),
    (values.ModelRole, ModelRole),
    (values.Channel, channels.Channel),
    (values.DataStage, ages.DataStage),
    (values.DataState, ages.DataState),
)
ROUTES = (root, health, predictions, alert_routes, advisory_routes, sensors, model_routes, history)
FRAMEWORK = {"HTTPValidationError", "ValidationError"}
SERVICE = {"Health", "Probe", "ServiceWords", "Welcome"}
"""What `/` and the probes answer: the client does not ask them."""
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
@pytest.mark.parametrize(("own", "served"), SERVED, ids=lambda kind: kind.__name__)
def test_a_model_is_the_gateways(own: type[BaseModel], served: type[BaseModel], mode: str) -> None:
    assert schema_of(own, mode) == schema_of(served, mode)


def test_no_model_of_the_api_is_left_out() -> None:
    api = FastAPI()
    for module in ROUTES:
        api.include_router(module.router)
    described = set(api.openapi()["components"]["schemas"]) - FRAMEWORK - SERVICE
    compared = {served.__name__ for _, served in SERVED}
    for _, served in SERVED:
        compared |= set(served.model_json_schema().get("$defs", {}))
    assert described <= compared


@pytest.mark.parametrize(("own", "served"), ENUMS, ids=lambda kind: kind.__name__)
def test_an_enum_has_the_gateways_values(own: type[StrEnum], served: type[StrEnum]) -> None:
    assert {each.name: each.value for each in own} == {each.name: each.value for each in served}


def test_every_public_name_is_there() -> None:
    assert all(hasattr(client, name) for name in client.__all__)
