from metrla.lab.forecasting.training.pacing import Pacing
from metrla.lab.forecasting.training.run.work import Memory


class Clock:
    """Moves when work is done."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


def test_what_was_decided_stays_decided() -> None:
    clock, kept = Clock(), Memory()
    assert Pacing(100.0, clock, kept).decide("rows", 1000, int) == 100
    clock.work(60.0)
    assert Pacing(10.0, clock, kept).decide("rows", 1000, int) == 100


def test_without_a_limit_all_is_done_and_nothing_kept() -> None:
    clock, kept = Clock(), Memory()
    pace = Pacing(None, clock, kept)
    assert pace.decide("rows", 1000, lambda _left: 1) == 1000
    assert list(pace.while_time("tree", 5, 1)) == [0, 1, 2, 3, 4]
    assert not kept.kept


def test_time_counts_from_the_beginning() -> None:
    clock = Clock()
    pace = Pacing(100.0, clock, Memory())
    clock.work(130.0)
    assert pace.decide("rows", 1000, int) == -30
    assert pace.timed(lambda: clock.work(7.0)) == 7.0


def test_it_stops_before_the_part_that_would_take_too_long() -> None:
    clock, kept = Clock(), Memory()
    done = []
    for part in Pacing(100.0, clock, kept).while_time("tree", 50, 1, share=0.5):
        clock.work(12.0)
        done.append(part)
    assert done == [0, 1, 2, 3]
    # Whoever repeats it does as much, however fast he is.
    assert list(Pacing(100.0, clock, kept).while_time("tree", 50, 1, share=0.5)) == done


def test_the_least_is_done_however_long_it_takes() -> None:
    clock = Clock()
    done = []
    for part in Pacing(10.0, clock, Memory()).while_time("tree", 50, 3):
        clock.work(100.0)
        done.append(part)
    assert done == [0, 1, 2]
