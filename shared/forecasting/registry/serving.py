"""Which models of a network serve at one time. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.forecasting.registry.loading import Key, Served
from shared.forecasting.registry.roles import Champion


@dataclass(frozen=True, slots=True)
class Refused:
    """A version that does not serve."""

    model_name: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class Serving:
    """An unchanging set of models: a step is forecast with one of these, never with parts of two.

    Attributes:
        ranked: one version of each model: the champion, then the challengers as in `PREFERRED`.
        loaded: those and the members that ensembles among them need.
        promoted: what was chosen as champion; `ranked` begins with another model where that cannot be loaded.
        refused: versions that do not serve, and why.
    """

    ranked: tuple[Served, ...] = ()
    loaded: Mapping[Key, Served] = field(default_factory=dict)
    promoted: Champion | None = None
    refused: tuple[Refused, ...] = ()

    @property
    def champion(self) -> Served | None:
        """The model whose forecasts are the network's; `None` where there is no model at all."""
        return self.ranked[0] if self.ranked else None

    @property
    def challengers(self) -> tuple[Served, ...]:
        """Those that run beside it to be compared."""
        return self.ranked[1:]
