"""What the gateway makes of roles, scores and cards."""

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.gateway.models import book as books
from services.gateway.models.book import ModelBook
from services.gateway.models.report import ModelDetail, ModelReport
from services.gateway.models.versions import ModelVersions, model_versions
from services.gateway.views.predictions import PredictionsView, VersionActivity
from shared.events.errors import StoreError
from shared.events.model_names import MODEL_NAMES
from shared.events.records import NetworkId, TrafficPrediction
from shared.forecasting.models.card import ModelCard
from shared.forecasting.models.forecaster import PREFERRED
from shared.store.model_records import HorizonScore, ModelRole, ModelScore, ServedModel
from shared.traffic.network import Network

TOY = NetworkId("toy")
START = datetime(2012, 5, 2, 15, 0, tzinfo=UTC)
SINCE = datetime(2026, 11, 22, 18, 0, tzinfo=UTC)
CARD: dict[str, Any] = {
    "what": "A weighted combination.",
    "created_at": "2026-11-22T17:00:00+00:00",
    "results": {
        "validation": {"15": {"mae": 2.4, "rmse": 4.8, "mape": 6.1}, "5": {"mae": 1.9, "rmse": 3.9, "mape": 5.0}},
        "test": {"15": {"mae": 2.6, "rmse": 5.0, "mape": None}, "30": {"mae": 2.9, "rmse": 5.9, "mape": 8.1}},
    },
    "calibration": {
        "part": "test",
        "ece": 0.02,
        "coverage_90": {"5": 0.91, "15": 0.9},
        "width_mph": {"5": 8.0, "15": 12.0},
        "confidence": {"15": 0.8},
        "ece_by_horizon": {"15": None},
    },
    "importance": {"last speed": 0.3, "neighbours": 0.6},
    "training_data": {
        "source": "metr-la.h5",
        "from": "2012-03-01T08:00:00+00:00",
        "to": "2012-06-28T07:00:00+00:00",
        "windows": 34272,
        "sha256": "ab",
        "network_sha256": "cd",
        "origins": {"train": 23974},
    },
    "members": {"xgboost": "1"},
}


def served(model: str, version: str = "1", role: ModelRole = ModelRole.CHALLENGER, **changes: Any) -> ServedModel:  # noqa: ANN401 - any field
    return replace(ServedModel(TOY, model, version, role, SINCE, CARD), **changes)


def score(step: int, model: str = "ensemble", version: str = "1", minutes: Sequence[int] = (15, 30, 60)) -> ModelScore:
    horizons = tuple(HorizonScore(each, 10, 20.0, 80.0, -5.0, 9, 8, 8.5) for each in minutes)
    return ModelScore(TOY, model, version, START + step * timedelta(minutes=5), 1, (), 0, horizons)


def test_the_names_are_those_of_the_predictor() -> None:
    assert MODEL_NAMES == PREFERRED


def test_champions_come_first_then_as_they_are_preferred() -> None:
    found = model_versions(
        [
            served("ensemble", role=ModelRole.REFUSED),
            served("neural_network", role=ModelRole.MEMBER),
            served("historical_average"),
            served("xgboost", role=ModelRole.CHAMPION),
            served("oracle"),
            served("linear_regression"),
            replace(served("ensemble"), network_id=NetworkId("aaa")),
        ],
        [],
        {},
    )
    assert [(one.network_id, one.model_name) for one in found] == [
        ("aaa", "ensemble"),
        ("toy", "xgboost"),
        ("toy", "linear_regression"),
        ("toy", "historical_average"),
        ("toy", "oracle"),
        ("toy", "neural_network"),
        ("toy", "ensemble"),
    ]


def test_of_versions_the_one_that_does_most_then_the_newest() -> None:
    (found,) = model_versions(
        [
            served("ensemble", "20260101"),
            served("ensemble", "20260301", ModelRole.REFUSED, reason="damaged"),
            served("ensemble", "20260201", ModelRole.CHAMPION),
            served("ensemble", "20251101", ModelRole.RETIRED),
            served("ensemble", "20251201", ModelRole.RETIRED),
        ],
        [score(1, version="20260201"), score(2, version="20260201"), score(1, version="20260101")],
        {(TOY, "ensemble", "20260201"): VersionActivity(3, 2)},
    )
    assert [one.model_version for one in found.versions] == ["20260201", "20260101", "20260301", "20251201", "20251101"]
    report = ModelReport.of(found)
    assert (report.model_version, report.role, report.sensors, report.serving_sensors) == ("20260201", "champion", 3, 2)
    # Only of the version that the report is about.
    assert [(live.horizon_minutes, live.pairs, live.mae_mph, live.bias_mph) for live in report.live] == [
        (15, 20, 2.0, -0.5),
        (30, 20, 2.0, -0.5),
        (60, 20, 2.0, -0.5),
    ]
    assert [(one.model_version, one.reason) for one in report.versions if one.reason] == [("20260301", "damaged")]


def test_who_is_not_in_the_store_is_known_by_sight() -> None:
    found = model_versions(
        [],
        [score(1, "xgboost")],
        {
            (TOY, "historical_average", "stream"): VersionActivity(3, 3),
            (TOY, "linear_regression", "1"): VersionActivity(3, 0),
        },
    )
    assert [(one.model_name, one.current.role, one.current.since) for one in found] == [
        ("historical_average", ModelRole.CHAMPION, None),
        ("linear_regression", ModelRole.CHALLENGER, None),
        ("xgboost", ModelRole.RETIRED, None),
    ]
    assert [(one.card, one.offline) for one in map(ModelDetail.of, found)] == [({}, ())] * 3
    assert model_versions([], [], {}) == ()


def detail(card: dict[str, Any]) -> ModelDetail:
    everything = model_versions([served("ensemble", card=card)], [score(1, minutes=(5, 15))], {})
    return ModelDetail.of(everything[0])


def test_the_card_is_told_in_full() -> None:
    found = detail(CARD)
    assert [(one.part, one.horizon_minutes, one.mae_mph, one.mape_percent) for one in found.offline] == [
        ("validation", 5, 1.9, 5.0),
        ("validation", 15, 2.4, 6.1),
        ("test", 15, 2.6, None),
        ("test", 30, 2.9, 8.1),
    ]
    assert [one.horizon_minutes for one in found.live] == [5, 15]
    assert [(one.feature, one.importance) for one in found.feature_importance] == [
        ("neighbours", 0.6),
        ("last speed", 0.3),
    ]
    assert found.training_data is not None
    assert (found.training_data.start.month, found.training_data.windows) == (3, 34272)
    assert found.calibration is not None
    assert found.calibration.expected_calibration_error == 0.02
    assert [(one.horizon_minutes, one.coverage_90, one.width_mph) for one in found.calibration.horizons] == [
        (5, 0.91, 8.0),
        (15, 0.9, 12.0),
    ]
    assert found.members == {"xgboost": "1"}
    assert found.card == CARD
    assert ModelDetail.model_validate_json(found.model_dump_json(by_alias=True)) == found
    short = ModelReport.of(model_versions([served("ensemble")], [score(1, minutes=(5, 15))], {})[0])
    assert {one.horizon_minutes for one in short.offline} == {15, 30}
    assert [one.horizon_minutes for one in short.live] == [15]


@pytest.mark.parametrize("odd", [None, "text", 3, [], [1], {"15": 3}, {"test": {"soon": {}}}, {"ece": 7.0}])
@pytest.mark.parametrize(
    "part", ["what", "created_at", "results", "calibration", "importance", "training_data", "members"]
)
def test_a_card_with_an_odd_part_costs_that_part_alone(part: str, odd: object) -> None:
    found = detail({**CARD, part: odd})
    assert found.model_name == "ensemble"
    others = {"results": "offline", "importance": "feature_importance"}
    whole = detail(CARD)
    for name in {"what", "created_at", "results", "calibration", "importance", "training_data", "members"} - {part}:
        field = others.get(name, name)
        assert getattr(found, field) == getattr(whole, field)


def test_an_empty_card_says_nothing() -> None:
    nothing = ModelCard({})
    assert (nothing.results, nothing.training_data, nothing.importance) == ({}, None, {})


class Shelf:
    """A store with roles and scores, that counts how often it is asked and may hang or fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.fails = False

    def served_models(self) -> Iterator[ServedModel]:
        self.asked += 1
        self.go_on.wait()
        if self.fails:
            raise StoreError("away")
        return iter([served("ensemble"), replace(served("ensemble"), network_id=NetworkId("elsewhere"))])

    def model_scores(
        self, network_id: NetworkId, *, start: datetime | None = None, limit: int | None = None
    ) -> Iterator[ModelScore]:
        assert network_id == TOY
        everything = [score(step) for step in range(100, 0, -1)]
        return iter([one for one in everything if start is None or one.timestamp >= start][:limit])


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def book(shelf: Shelf, networks: dict[NetworkId, Network], prediction: Callable[..., TrafficPrediction]) -> ModelBook:
    view = PredictionsView(networks, timedelta(hours=1))
    view.apply(prediction(1, model="ensemble"))
    view.apply(prediction(1, "s1", model="ensemble", serving=False))
    return ModelBook(shelf, networks, view, timeout_s=0.2)  # type: ignore[arg-type]  # what of a store it asks


async def test_the_store_is_asked_once_for_many(book: ModelBook, shelf: Shelf) -> None:
    first, *others = await asyncio.gather(*(book.models(timedelta(hours=1)) for _ in range(20)))
    assert shelf.asked == 1
    assert all(other is first for other in others)
    (only,) = first
    assert only.current.running == VersionActivity(2, 1)
    assert [live.pairs for live in only.current.live] == [120] * 3
    (longer,) = await book.models(timedelta(hours=2))
    assert [live.pairs for live in longer.current.live] == [240] * 3
    assert shelf.asked == 2


async def test_what_failed_is_tried_again(book: ModelBook, shelf: Shelf) -> None:
    shelf.fails = True
    with pytest.raises(StoreError, match="away"):
        await book.models(timedelta(hours=1))
    shelf.fails = False
    assert len(await book.models(timedelta(hours=1))) == 1


async def test_a_store_that_hangs_holds_one_thread(book: ModelBook, shelf: Shelf) -> None:
    shelf.go_on.clear()
    try:
        for _ in range(3):
            with pytest.raises(StoreError, match=r"no answer within 0\.2 s"):
                await book.models(timedelta(hours=1))
        assert shelf.asked == 1
    finally:
        shelf.go_on.set()
    assert len(await book.models(timedelta(hours=1))) == 1
    assert shelf.asked == 1


async def test_only_so_many_stretches_are_kept(book: ModelBook, monkeypatch: pytest.MonkeyPatch) -> None:
    for hours in range(1, 30):
        await book.models(timedelta(hours=hours))
    assert len(book._readings) <= books.MAX_KEPT + 1
    monkeypatch.setattr(books, "FRESH_S", 0.0)
    first: Sequence[ModelVersions] = await book.models(timedelta(hours=29))
    assert await book.models(timedelta(hours=29)) is not first
