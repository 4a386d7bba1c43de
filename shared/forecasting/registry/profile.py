"""The usual speeds that a network's models hold, for services that have no use for the models themselves."""

import structlog
from structlog.stdlib import BoundLogger

from shared.archive.port import Archive
from shared.events.errors import ModelError
from shared.events.model_names import HISTORICAL_AVERAGE
from shared.forecasting.models.artefact import open_artefact
from shared.forecasting.registry.registry import listing, read_artefact
from shared.traffic.arrays import Floats
from shared.traffic.network import Network

log: BoundLogger = structlog.stdlib.get_logger(__name__)


def latest_profile(archive: Archive, network: Network) -> Floats | None:
    """The profile of the newest `historical_average` that is whole and of this network; `None` where there is none.

    Returns:
        (slots of both types of day, sensors) mph in `network.sensors` order, see `day_type_slots`; NaN for sensors that
        the model does not know.

    Raises:
        ArchiveError: the archive does not answer.
    """
    network_id = network.network_id
    for version in listing(archive, network_id).versions.get(HISTORICAL_AVERAGE, ()):
        artefact = read_artefact(archive, network_id, HISTORICAL_AVERAGE, version)
        try:
            return open_artefact(artefact, HISTORICAL_AVERAGE, version, network).known_profile_mph
        except ModelError as unfit:
            log.warning("passing over a model", network=network_id, reason=str(unfit))
    return None
