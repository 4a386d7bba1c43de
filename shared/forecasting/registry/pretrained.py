"""The weights that come with metrla: an archive that can only be read, and which networks they are for.

`network.json` beside the models of a network says what it is recognised by. It is written by hand from
`shared.traffic.fingerprint` when models of a further network are added; a test holds it against the models' cards.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Never

from shared.archive.layout import CARD_FILE, MODELS_ROOT, model_path, model_prefix, parse_model_path
from shared.archive.port import Archive, ArchivedObject
from shared.events.errors import ArchiveError
from shared.events.records import NetworkId
from shared.forecasting.models.card import ModelCard
from shared.forecasting.registry.registry import listing
from shared.traffic.fingerprint import fingerprint_of
from shared.traffic.network import Network

SHIPPED = Path(__file__).parents[1] / "pretrained"
"""`<network id>/<model name>/<version>/<file>`, as below `MODELS_ROOT` in an archive, and `<network id>/network.json`.
"""
NETWORK_FILE = "network.json"
SIMILAR_SHARE = 0.5
"""A network that has this share of the sensors of another is compared with it."""


@dataclass(frozen=True, slots=True)
class Recognition:
    """What comes of comparing a network with those that weights come for.

    Attributes:
        shipped_id: id of the network that it is, or is most alike; `None` where it is like none.
        reason: why the weights are not for it; `None` where they are.
    """

    shipped_id: NetworkId | None
    reason: str | None

    @property
    def fits(self) -> bool:
        """Whether the weights are for this very network."""
        return self.reason is None


class PretrainedModels:
    """What lies in `root` appears under the paths that models have in any archive."""

    def __init__(self, root: Path = SHIPPED) -> None:
        self._root = root

    @property
    def networks(self) -> Sequence[NetworkId]:
        """The ids of the networks that there are models for."""
        return sorted(NetworkId(folder.name) for folder in self._root.glob("*") if folder.is_dir())

    def recognise(self, network: Network) -> Recognition:
        """Whether there are weights for a network, by its fingerprint: its own id may be another."""
        found = [self._compared(network, shipped_id) for shipped_id in self.networks]
        fitting = next((one for one in found if one.fits), None)
        similar = next((one for one in found if one.shipped_id is not None), None)
        none = Recognition(None, "; ".join(str(one.reason) for one in found) or "no weights come with metrla")
        return fitting or similar or none

    def sensors(self, shipped_id: NetworkId) -> Sequence[str]:
        """The sensors that the weights of a network were made for, as their cards name them."""
        card = next(iter(self.cards(shipped_id).values()), None)
        return () if card is None else card.sensors

    def cards(self, shipped_id: NetworkId) -> Mapping[str, ModelCard]:
        """The cards of the newest versions, by name of the model."""
        return {
            name: ModelCard.read(self.read(model_path(shipped_id, name, versions[0], CARD_FILE)))
            for name, versions in listing(self, shipped_id).versions.items()
        }

    def _compared(self, network: Network, shipped_id: NetworkId) -> Recognition:
        about: Mapping[str, Any] = json.loads((self._root / shipped_id / NETWORK_FILE).read_bytes())
        found, wanted = fingerprint_of(network), (about["sensors_sha256"], about["edges_sha256"])
        what = f"the weights that come with metrla for {shipped_id}"
        if found.sensors != wanted[0]:
            return self._of_other_sensors(network, shipped_id, what)
        if network.window != timedelta(seconds=about["window_seconds"]):
            needed = timedelta(seconds=about["window_seconds"])
            return Recognition(
                shipped_id, f"{what} are for windows of {needed}, this network's are of {network.window}"
            )
        if found.edges != wanted[1]:
            return Recognition(
                shipped_id,
                f"{what} were made on a road graph of {about['edges']} edges, this network has the same sensors and "
                f"{len(network.edges)} edges that link others",
            )
        return Recognition(shipped_id, None)

    def _of_other_sensors(self, network: Network, shipped_id: NetworkId, what: str) -> Recognition:
        known = set(self.sensors(shipped_id))
        common = sum(sensor.sensor_id in known for sensor in network.sensors)
        if network.network_id != shipped_id and common < SIMILAR_SHARE * max(len(known), len(network.sensors)):
            return Recognition(None, f"{what} know {common} of the {len(network.sensors)} sensors of this network")
        return Recognition(
            shipped_id,
            f"{what} know {len(known)} sensors, of which this network has {common}; it has "
            f"{len(network.sensors) - common} others",
        )

    def list(self, prefix: str) -> Iterator[ArchivedObject]:
        """See `Archive.list`."""
        for file in sorted(self._root.rglob("*")):
            path = f"{MODELS_ROOT}/{file.relative_to(self._root).as_posix()}"
            if file.is_file() and (not prefix or path.startswith(f"{prefix}/")):
                yield ArchivedObject(path, file.stat().st_size)

    def read(self, path: str) -> bytes:
        """See `Archive.read`."""
        try:
            return (self._root / path.removeprefix(f"{MODELS_ROOT}/")).read_bytes()
        except OSError as failed:
            raise ArchiveError(f"cannot read {path} of the models that come with metrla: {failed.strerror}") from failed

    def write(self, path: str, content: bytes) -> Never:
        """Never."""
        del content
        raise ArchiveError(f"cannot write {path}: the models that come with metrla do not change")

    def delete(self, path: str) -> Never:
        """Never."""
        raise ArchiveError(f"cannot delete {path}: the models that come with metrla do not change")

    def ping(self) -> Never:
        """Never: it cannot be written."""
        raise ArchiveError("the models that come with metrla do not change")

    def close(self) -> None:
        """Nothing is open."""


def install(shipped: PretrainedModels, shipped_id: NetworkId, archive: Archive, network_id: NetworkId) -> Sequence[str]:
    """Copy the models of a network that weights come for into the archive, as models of `network_id`.

    Cards come last, as a version without one does not exist yet, and those of ensembles behind those of their members:
    a predictor that looks meanwhile finds nothing that is incomplete.

    Returns:
        The folders of the versions.

    Raises:
        ArchiveError: the archive does not do what is asked.
        ModelError: a card that comes with metrla is damaged.
    """
    cards: list[tuple[bool, str, str, bytes]] = []
    for found in shipped.list(model_prefix(shipped_id)):
        part, content = parse_model_path(found.path), shipped.read(found.path)
        if part is None:
            continue
        name, version, file = part
        if file == CARD_FILE:
            cards.append((bool(ModelCard.read(content).members), name, version, _made_out(content, network_id)))
        else:
            archive.write(model_path(network_id, name, version, file), content)
    for _, name, version, card in sorted(cards):
        archive.write(model_path(network_id, name, version, CARD_FILE), card)
    return [model_prefix(network_id, name, version) for _, name, version, _ in sorted(cards)]


def _made_out(card: bytes, network_id: NetworkId) -> bytes:
    """A card in the name of another network; one that has the name already stays as it is, byte for byte."""
    content = ModelCard.read(card).content
    if content.get("network_id") == network_id:
        return card
    return json.dumps({**content, "network_id": network_id}, indent=1).encode()
