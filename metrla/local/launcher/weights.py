"""Weights that come with metrla for the network of a demo: then there is nothing to train."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError

from shared.archive.port import Archive
from shared.events.records import NetworkId
from shared.forecasting.inputs.history import HORIZONS, LAGS
from shared.forecasting.models.card import DividedData, ModelCard
from shared.forecasting.registry.pretrained import PretrainedModels, install
from shared.traffic.network import Network


@dataclass(frozen=True, slots=True)
class ShippedWeights:
    """The models that come with metrla for one network.

    Attributes:
        shipped_id: what the network is called there.
        models: their names.
        seen: from when to when (aware) speeds were used to make them; `None` where their cards do not say.
    """

    shipped_id: NetworkId
    models: Sequence[str]
    seen: tuple[datetime, datetime] | None

    @classmethod
    def of(cls, network: Network, shipped: PretrainedModels) -> "ShippedWeights | None":
        """Those that are for this very network; `None` where there are none."""
        found = shipped.recognise(network)
        if found.shipped_id is None or not found.fits:
            return None
        cards = shipped.cards(found.shipped_id)
        spans = [span for card in cards.values() if (span := _seen(card, network)) is not None]
        seen = (min(start for start, _ in spans), max(end for _, end in spans)) if spans else None
        return cls(found.shipped_id, tuple(cards), seen)

    def have_seen(self, begin: datetime) -> bool:
        """Whether what lies after `begin` (aware) was, in part, used to make them: forecasts of it would flatter."""
        return self.seen is not None and self.seen[0] <= begin < self.seen[1]

    def install(self, archive: Archive, network_id: NetworkId) -> None:
        """Put them into the archive; raises `ArchiveError`."""
        install(PretrainedModels(), self.shipped_id, archive, network_id)


def _seen(card: ModelCard, network: Network) -> tuple[datetime, datetime] | None:
    """What a model was fitted to and calibrated on: all but the origins of the test part."""
    try:
        data = DividedData.model_validate(card.content.get("training_data"))
    except ValidationError:
        return None
    used = data.origins.get("train", 0) + data.origins.get("validation", 0) + LAGS + HORIZONS - 1
    return data.start, min(data.end, data.start + used * network.window)
