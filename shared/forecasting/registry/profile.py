"""The usual speeds that a network's models hold, for services that have no use for the models themselves."""

import json
from itertools import groupby

import numpy as np
import structlog
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load
from structlog.stdlib import BoundLogger

from shared.archive.layout import CARD_FILE, MODEL_FILE, model_path, model_prefix, parse_model_path
from shared.archive.port import Archive
from shared.events.model_names import HISTORICAL_AVERAGE
from shared.traffic.network import Network

PROFILE = "profile_mph"

log: BoundLogger = structlog.stdlib.get_logger(__name__)


def latest_profile(archive: Archive, network: Network) -> NDArray[np.float64] | None:
    """The profile of the newest readable `historical_average` of a network; `None` where there is none.

    Returns:
        (slots of the week, sensors) mph in `network.sensors` order: windows of a working day, then of a weekend day or
        holiday; NaN for sensors that the model does not know.

    Raises:
        ArchiveError: the archive does not answer.
    """
    found = [
        parsed
        for one in archive.list(model_prefix(network.network_id, HISTORICAL_AVERAGE))
        if (parsed := parse_model_path(one.path)) is not None
    ]
    versions = {
        version: {file for _, _, file in files} for version, files in groupby(sorted(found, key=_version), _version)
    }
    for version in sorted(versions, reverse=True):
        if {CARD_FILE, MODEL_FILE} <= versions[version]:
            try:
                return _profile(archive, network, version)
            except (KeyError, ValueError, TypeError, SafetensorError) as damaged:
                log.warning(
                    "passing over a damaged model", network=network.network_id, version=version, error=repr(damaged)
                )
    return None


def _version(parsed: tuple[str, str, str]) -> str:
    return parsed[1]


def _profile(archive: Archive, network: Network, version: str) -> NDArray[np.float64]:
    card, model = (
        archive.read(model_path(network.network_id, HISTORICAL_AVERAGE, version, file))
        for file in (CARD_FILE, MODEL_FILE)
    )
    column = {sensor_id: at for at, sensor_id in enumerate(json.loads(card)["sensors"])}
    kept = load(model)[PROFILE].astype(np.float64)
    if kept.ndim != 2 or kept.shape[1] != len(column):  # noqa: PLR2004 - slots and sensors
        raise ValueError(f"{PROFILE} of shape {kept.shape} for {len(column)} sensors")
    columns = np.array([column.get(sensor.sensor_id, -1) for sensor in network.sensors], dtype=np.intp)
    return np.where(columns < 0, np.nan, kept[:, columns])
