"""Versions of models in the archive, and which of them serve now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog
from structlog.stdlib import BoundLogger

from shared.archive.layout import (
    CARD_FILE,
    MODEL_FILE,
    ONNX_FILE,
    champion_path,
    model_path,
    model_prefix,
    parse_model_path,
)
from shared.archive.port import Archive
from shared.events.errors import ModelError
from shared.events.records import NetworkId
from shared.forecasting.models.artefact import Artefact
from shared.forecasting.models.forecaster import PREFERRED
from shared.forecasting.registry.loading import MODELS, Key, Served, open_model
from shared.forecasting.registry.roles import Champion, parse_champions
from shared.forecasting.registry.serving import Refused, Serving
from shared.traffic.network import Network

log: BoundLogger = structlog.stdlib.get_logger(__name__)

NOTHING = Serving()


def save(archive: Archive, network_id: NetworkId, model_name: str, version: str, artefact: Artefact) -> str:
    """Keep one trained model; returns its folder. The card comes last: a version without one does not exist yet."""
    for name, content in artefact.files.items():
        archive.write(model_path(network_id, model_name, version, name), content)
    archive.write(model_path(network_id, model_name, version, CARD_FILE), artefact.card)
    return model_prefix(network_id, model_name, version)


def read_artefact(archive: Archive, network_id: NetworkId, model_name: str, version: str) -> Artefact:
    """The files of one version, unchecked; raises `ArchiveError` where they cannot be read."""
    folder = model_prefix(network_id, model_name, version)
    present = {found.path.rpartition("/")[2] for found in archive.list(folder)}
    files = {name: archive.read(f"{folder}/{name}") for name in (MODEL_FILE, ONNX_FILE) if name in present}
    return Artefact(files, archive.read(f"{folder}/{CARD_FILE}"))


def load(archive: Archive, network: Network, model_name: str, version: str) -> Served:
    """One version; raises `ModelError` where it is damaged or does not fit, `ArchiveError` where it cannot be read."""
    return open_model(read_artefact(archive, network.network_id, model_name, version), model_name, version, network)


@dataclass(frozen=True, slots=True)
class Listing:
    """What the archive has of a network: complete versions by model name, newest first, and whether a champion."""

    versions: Mapping[str, Sequence[str]]
    has_champion: bool

    def has(self, key: Key) -> bool:
        """Whether that version of that model is complete."""
        return key[1] in self.versions.get(key[0], ())


def listing(archive: Archive, network_id: NetworkId) -> Listing:
    """Look into the archive; raises `ArchiveError`."""
    versions: dict[str, list[str]] = {}
    has_champion = False
    for found in archive.list(model_prefix(network_id)):
        has_champion = has_champion or found.path == champion_path(network_id)
        match parse_model_path(found.path):
            case (model_name, version, file) if file == CARD_FILE:
                versions.setdefault(model_name, []).append(version)
    return Listing({name: sorted(of, reverse=True) for name, of in versions.items()}, has_champion)


@dataclass
class Registry:
    """The models that serve, of every network. `refresh` and `serving` may be called from different threads."""

    archive: Archive
    networks: Mapping[NetworkId, Network]
    _serving: dict[NetworkId, Serving] = field(default_factory=dict)
    _refused: dict[NetworkId, dict[Key, str]] = field(default_factory=dict)
    _incomplete: dict[NetworkId, dict[Key, str]] = field(default_factory=dict)
    _listed: dict[NetworkId, Listing] = field(default_factory=dict)

    def serving(self, network_id: NetworkId) -> Serving:
        """The champion, its challengers and their members."""
        return self._serving.get(network_id, NOTHING)

    def refresh(self) -> None:
        """Load what is new. A version that is refused is logged once, and the one before it serves (on).

        Raises:
            ArchiveError: the archive does not answer; what served before serves on.
        """
        for network_id, network in self.networks.items():
            # One assignment: a step is forecast with the models of before or of after, never with some of each.
            self._serving[network_id] = self._renewed(network)

    def _renewed(self, network: Network) -> Serving:
        network_id, before = network.network_id, self.serving(network.network_id)
        self._listed[network_id] = there = listing(self.archive, network_id)
        # Members may still come, as these did not.
        self._incomplete[network_id] = {}
        promoted = self._promoted(network_id, before) if there.has_champion else None
        loaded: dict[Key, Served] = {}
        ranked: list[Served] = []
        first = [] if promoted is None else [promoted.model_name]
        for name in dict.fromkeys([*first, *PREFERRED]):
            candidates = list(there.versions.get(name, ())) if name in MODELS else []
            if promoted is not None and name == promoted.model_name and promoted.version in candidates:
                candidates.insert(0, promoted.version)
            ranked += self._first_usable(network, name, candidates, loaded)
        refused = self._refused.get(network_id, {}) | self._incomplete[network_id]
        serving = Serving(
            ranked=tuple(ranked),
            loaded=loaded,
            promoted=promoted,
            refused=tuple(Refused(*key, reason) for key, reason in refused.items()),
        )
        _tell(network_id, before, serving)
        return serving

    def _promoted(self, network_id: NetworkId, before: Serving) -> Champion | None:
        try:
            return next(iter(parse_champions(self.archive.read(champion_path(network_id)))), None)
        except ModelError as damaged:
            log.error("choice of champion passed over", network=network_id, reason=str(damaged))  # noqa: TRY400 - foreseen
            return before.promoted

    def _first_usable(
        self, network: Network, model_name: str, versions: Sequence[str], loaded: dict[Key, Served]
    ) -> list[Served]:
        for version in versions:
            if (model := self._usable(network, (model_name, version), loaded)) is not None:
                return [model]
        return []

    def _usable(self, network: Network, key: Key, loaded: dict[Key, Served]) -> Served | None:
        """The model of that name and version with its members in `loaded`; `None` where it is refused."""
        network_id, refused = network.network_id, self._refused.setdefault(network.network_id, {})
        if key in loaded or key in refused:
            return loaded.get(key)
        try:
            model = self.serving(network_id).loaded.get(key) or load(self.archive, network, *key)
            if absent := [member for member in model.members if not self._listed[network_id].has(member)]:
                names = ", ".join(" ".join(member) for member in absent)
                self._incomplete[network_id][key] = f"{' '.join(key)}: its members are not in the archive: {names}"
                return None
            members = {member: self._member(network, member, loaded) for member in model.members}
        except ModelError as unfit:
            refused[key] = str(unfit)
            return None
        loaded |= {key: model, **members}
        return model

    def _member(self, network: Network, key: Key, loaded: dict[Key, Served]) -> Served:
        member = loaded.get(key) or self.serving(network.network_id).loaded.get(key)
        member = member or load(self.archive, network, *key)
        if member.members:
            raise ModelError(f"model {' '.join(key)} is an ensemble and cannot be a member of one")
        return member


def _tell(network_id: NetworkId, before: Serving, after: Serving) -> None:
    served = {model.key for model in before.ranked}
    for model in after.ranked:
        if model.key not in served:
            log.info("model serves", network=network_id, model=model.model.name, version=model.model.version)
    for refused in set(after.refused) - set(before.refused):
        log.error("model refused", network=network_id, reason=refused.reason)
    now, then = (None if one.champion is None else one.champion.key for one in (after, before))
    if now is not None and now != then:
        log.info("champion", network=network_id, model=now[0], version=now[1])
