"""What fits may use of a run's time, whatever those before them used."""

from hypothesis import given
from hypothesis import strategies as st

from metrla.lab.forecasting.training.run.catalogue import ORDER, SCORING_SHARE
from metrla.lab.forecasting.training.run.deadline import MARGIN, Deadline
from shared.forecasting.models.forecaster import ENSEMBLE, NEURAL_NETWORK


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@given(
    budget=st.floats(30.0, 7200.0),
    used=st.lists(st.floats(0.0, 1.0), min_size=len(ORDER), max_size=len(ORDER)),
    tail=st.floats(0.0, 1.0),
)
def test_whoever_keeps_to_his_time_leaves_what_the_end_needs(budget: float, used: list[float], tail: float) -> None:
    clock = Clock()
    deadline = Deadline(budget, clock, clock())
    for name, share in zip(ORDER, used, strict=True):
        if name == NEURAL_NETWORK:
            deadline.tail = tail * deadline.left / MARGIN
        seconds = deadline.of_fit(name, ORDER)
        assert seconds is not None
        clock.now += share * seconds
    # No fit has less than a second.
    assert deadline.left >= max(SCORING_SHARE * budget, MARGIN * deadline.tail) - 2.0
    assert deadline.spent <= budget


@given(late=st.floats(0.0, 10_000.0))
def test_whoever_comes_late_has_a_second_and_no_more_than_there_is(late: float) -> None:
    clock = Clock()
    deadline = Deadline(600.0, clock, clock())
    clock.now += late
    for name in (NEURAL_NETWORK, ENSEMBLE):
        seconds = deadline.of_fit(name, ORDER)
        assert seconds is not None
        assert 1.0 <= seconds <= max(1.0, 600.0 - late)


def test_without_a_budget_there_is_no_end() -> None:
    deadline = Deadline(None, Clock(), 0.0)
    assert deadline.of_fit(NEURAL_NETWORK, ORDER) is None
    assert deadline.left > 1e9
    assert not deadline.limited
