"""The part of a history that is fitted to, the part that calibrates and the part that tests. Pure."""

from dataclasses import dataclass

from shared.forecasting.inputs.history import HORIZONS, LAGS

TRAIN_SHARE, TEST_SHARE = 0.7, 0.2


@dataclass(frozen=True, slots=True)
class Split:
    """Numbers of origins in time order: the first are fitted to, the next calibrate, the last test."""

    train: int
    validation: int
    test: int

    @classmethod
    def of(cls, windows: int, skipped_windows: int = 0) -> "Split":
        """The protocol of DCRNN (Li et al., ICLR 2018): the last 20 % of the origins test, the 10 % before validate.

        Its shares are of the rows of a file in local time, that is with the `skipped_windows` of the hour that daylight
        saving skips, which our `windows` in UTC do not have.
        """
        published = max(0, windows + skipped_windows - LAGS - HORIZONS + 1)
        test = round(published * TEST_SHARE)
        validation = published - test - round(published * TRAIN_SHARE)
        return cls(max(0, published - skipped_windows - validation - test), validation, test)

    @property
    def origins(self) -> int:
        """All of them."""
        return self.train + self.validation + self.test

    @property
    def train_windows(self) -> int:
        """How many windows, from the first one on, the origins to fit to see, targets included."""
        return self.train + LAGS + HORIZONS - 1
