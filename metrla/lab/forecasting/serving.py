"""The models of an archive, loaded as the predictor loads them."""

from collections.abc import Sequence
from dataclasses import replace

from shared.archive.port import Archive
from shared.events.errors import ConfigurationError, ModelError
from shared.forecasting.models.forecaster import HISTORICAL_AVERAGE, PREFERRED
from shared.forecasting.registry.registry import Registry, load
from shared.forecasting.registry.serving import Serving
from shared.traffic.network import Network


def serving_of(archive: Archive, network: Network, models: Sequence[str] | None, *, judged: bool = False) -> Serving:
    """The models of a network, loaded as the predictor loads them: all, or those named.

    With `judged`, those that are a refit are replaced by what they are a refit of, which has not seen the days that it
    is judged on.

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
    serving = replace(serving, ranked=tuple(wanted))
    return _before_refit(archive, network, serving) if judged else serving


def _before_refit(archive: Archive, network: Network, serving: Serving) -> Serving:
    loaded, ranked = dict(serving.loaded), []
    for one in serving.ranked:
        version = one.card.judged_version
        if version is not None:
            one = load(archive, network, one.model.name, version)  # noqa: PLW2901 - in its place
            loaded[one.key] = one
        loaded |= {key: load(archive, network, *key) for key in one.members if key not in loaded}
        ranked.append(one)
    return replace(serving, ranked=tuple(ranked), loaded=loaded)
