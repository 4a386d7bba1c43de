"""Versions of models in the archive, and which of them serve now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import structlog
from structlog.stdlib import BoundLogger

from services.predictor.artefact import MODELS, Artefact, unpack
from services.predictor.models.forecaster import Forecaster
from shared.archive.layout import CARD_FILE, MODEL_FILE, model_path, model_prefix
from shared.archive.port import Archive
from shared.events.errors import ModelError
from shared.events.records import NetworkId
from shared.networks.network import Network

log: BoundLogger = structlog.stdlib.get_logger(__name__)


def save(archive: Archive, network_id: NetworkId, model_name: str, version: str, artefact: Artefact) -> str:
    """Keep one trained model; returns its folder. The card comes last: a version without one does not exist yet."""
    archive.write(model_path(network_id, model_name, version, MODEL_FILE), artefact.model)
    archive.write(model_path(network_id, model_name, version, CARD_FILE), artefact.card)
    return model_prefix(network_id, model_name, version)


def versions(archive: Archive, network_id: NetworkId, model_name: str) -> list[str]:
    """All complete versions, newest first; raises `ArchiveError`."""
    cards = (archived.path for archived in archive.list(model_prefix(network_id, model_name)))
    return sorted((path.split("/")[-2] for path in cards if path.endswith(f"/{CARD_FILE}")), reverse=True)


def load(archive: Archive, network: Network, model_name: str, version: str) -> Forecaster:
    """One version; raises `ModelError` where it is damaged or does not fit, `ArchiveError` where it cannot be read."""
    files = (
        archive.read(model_path(network.network_id, model_name, version, file)) for file in (MODEL_FILE, CARD_FILE)
    )
    return unpack(Artefact(*files), model_name, version, network)


@dataclass
class Registry:
    """The models that serve, of every network. `refresh` and `serving` may be called from different threads."""

    archive: Archive
    networks: Mapping[NetworkId, Network]
    _serving: dict[NetworkId, dict[str, Forecaster]] = field(default_factory=dict)
    _refused: set[tuple[NetworkId, str, str]] = field(default_factory=set)

    def serving(self, network_id: NetworkId) -> Mapping[str, Forecaster]:
        """The newest usable version of each model, by model name."""
        return self._serving.get(network_id, {})

    def refresh(self) -> None:
        """Load what is new. A version that is refused is logged once, and the one before it serves (on).

        Raises:
            ArchiveError: the archive does not answer; what served before serves on.
        """
        for network_id, network in self.networks.items():
            served = self._serving.get(network_id, {})
            newest = {name: self._newest(network, name, served.get(name)) for name in MODELS}
            # One assignment: a step is forecast with the models of before or of after, never with some of each.
            self._serving[network_id] = {name: model for name, model in newest.items() if model is not None}

    def _newest(self, network: Network, model_name: str, current: Forecaster | None) -> Forecaster | None:
        for version in self._untried(network.network_id, model_name, current):
            try:
                model = load(self.archive, network, model_name, version)
            except ModelError as refused:
                self._refused.add((network.network_id, model_name, version))
                log.error("model refused", network=network.network_id, reason=str(refused))  # noqa: TRY400 - foreseen
            else:
                log.info("model serves", network=network.network_id, model=model_name, version=version)
                return model
        return current

    def _untried(self, network_id: NetworkId, model_name: str, current: Forecaster | None) -> Iterable[str]:
        for version in versions(self.archive, network_id, model_name):
            if current is not None and version <= current.version:
                return
            if (network_id, model_name, version) not in self._refused:
                yield version
