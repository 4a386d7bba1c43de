"""The versions of every model: which there are, what each does, and how good its forecasts were lately. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from services.gateway.views.predictions import VersionActivity
from shared.events.model_names import MODEL_NAMES
from shared.events.records import NetworkId
from shared.forecasting.models.card import ModelCard
from shared.store.model_records import ModelRole, ModelScore, ServedModel
from shared.store.rolling_scores import RollingScore, rolling_scores

VersionKey: TypeAlias = tuple[NetworkId, str, str]
"""Network, name of the model, version."""

# Of several versions the one that does most comes first.
_RANKS = {role: rank for rank, role in enumerate(ModelRole)}
_PLACES = {name: place for place, name in enumerate(MODEL_NAMES)}


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a model.

    `since` and `card` are those of the store, `None` and empty where it has none. `live` are its scores by horizon,
    shortest first, none before the first outcome.
    """

    model_version: str
    role: ModelRole
    since: datetime | None
    reason: str | None
    card: ModelCard
    running: VersionActivity
    live: tuple[RollingScore, ...]


@dataclass(frozen=True, slots=True)
class ModelVersions:
    """One model of one network: its versions, the one that does most first (see `ModelRole`), then the newest."""

    network_id: NetworkId
    model_name: str
    versions: tuple[Version, ...]

    @property
    def current(self) -> Version:
        """The version that does most."""
        return self.versions[0]


def model_versions(
    served: Iterable[ServedModel], scores: Iterable[ModelScore], running: Mapping[VersionKey, VersionActivity]
) -> tuple[ModelVersions, ...]:
    """Every model that is known in any of the three ways: by network, champions first, then as they are preferred."""
    of_version: dict[VersionKey, list[ModelScore]] = defaultdict(list)
    for score in scores:
        of_version[score.network_id, score.model_name, score.model_version].append(score)
    recorded = {(one.network_id, one.model_name, one.model_version): one for one in served}
    of_model: dict[tuple[NetworkId, str], list[Version]] = defaultdict(list)
    for key in dict.fromkeys([*recorded, *running, *of_version]):
        version = _version(key, recorded.get(key), running.get(key), of_version.get(key, ()))
        of_model[key[:2]].append(version)
    found = [ModelVersions(*key, tuple(_ordered(versions))) for key, versions in of_model.items()]
    return tuple(sorted(found, key=_place))


def _version(
    key: VersionKey, recorded: ServedModel | None, running: VersionActivity | None, scores: Sequence[ModelScore]
) -> Version:
    if recorded is not None:
        role, since, reason, card = recorded.role, recorded.since, recorded.reason, ModelCard(recorded.card)
    else:
        # The predictor averages what it sees where it has no trained model: no artefact, so nobody recorded it.
        role, since, reason, card = _role_by_sight(running), None, None, ModelCard({})
    return Version(key[2], role, since, reason, card, running or VersionActivity(), rolling_scores(scores))


def _role_by_sight(running: VersionActivity | None) -> ModelRole:
    if running is None:
        return ModelRole.RETIRED
    return ModelRole.CHAMPION if running.serving_sensors else ModelRole.CHALLENGER


def _ordered(versions: Iterable[Version]) -> list[Version]:
    newest_first = sorted(versions, key=lambda one: one.model_version, reverse=True)
    return sorted(newest_first, key=lambda one: _RANKS[one.role])


def _place(model: ModelVersions) -> tuple[str, int, int, str]:
    rank = _RANKS[model.current.role]
    return model.network_id, rank, _PLACES.get(model.model_name, len(_PLACES)), model.model_name
