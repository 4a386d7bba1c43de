"""The models of an archive, loaded as the predictor loads them."""

from collections.abc import Sequence
from dataclasses import replace

from shared.archive.port import Archive
from shared.events.errors import ConfigurationError, ModelError
from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE, PREFERRED
from shared.forecasting.registry.registry import Registry
from shared.forecasting.registry.serving import Serving
from shared.traffic.network import Network


def serving_of(archive: Archive, network: Network, models: Sequence[str] | None) -> Serving:
    """The models of a network, loaded as the predictor loads them: all, or those named.

    Raises:
        ArchiveError: the archive does not answer.
        ConfigurationError: there is no such model.
        ModelError: there is no model that can be used, and why.
    """
    if models is not None and (unknown := set(models) - set(PREFERRED)):
        raise ConfigurationError(f"no model {', '.join(sorted(unknown))}: choose from {', '.join(PREFERRED)}")
    registry = Registry(archive, {network.network_id: network})
    registry.refresh()
    serving = registry.serving(network.network_id)
    # The historical average stands in for every other model.
    wanted = (
        serving.ranked
        if models is None
        else [one for one in serving.ranked if one.model.name in {*models, HISTORICAL_AVERAGE}]
    )
    missing = [] if models is None else [name for name in models if name not in {one.model.name for one in wanted}]
    if not wanted or missing:
        what = f"no usable model{'' if not missing else ' ' + ', '.join(missing)} of network {network.network_id}"
        reasons = "; ".join(f"{one.model_name} {one.version}: {one.reason}" for one in serving.refused)
        raise ModelError(f"{what}{': ' + reasons if reasons else '; `metrla train` makes one'}")
    return replace(serving, ranked=tuple(wanted))
