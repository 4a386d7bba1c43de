import signal
from collections.abc import Callable

import pytest

from metrla.cli.studying.progress import ProgressBars, progress_bars


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def run(work: Callable[[ProgressBars], None]) -> None:
    with progress_bars() as watch:
        work(watch)


def test_ctrl_c_waits_for_the_next_part() -> None:
    before, reached = signal.getsignal(signal.SIGINT), []

    def work(watch: ProgressBars) -> None:
        watch("fit", 1, 3)
        interrupt()
        reached.append(1)
        watch("fit", 2, 3)
        reached.append(2)

    with pytest.raises(KeyboardInterrupt):
        run(work)
    assert reached == [1]
    assert signal.getsignal(signal.SIGINT) == before


def test_a_second_one_does_not_wait() -> None:
    reached = []

    def work(_watch: ProgressBars) -> None:
        interrupt()
        interrupt()
        reached.append(1)

    with pytest.raises(KeyboardInterrupt):
        run(work)
    assert not reached


def test_after_the_last_part_it_is_not_lost() -> None:
    def work(watch: ProgressBars) -> None:
        watch("fit", 1, 1)
        interrupt()

    with pytest.raises(KeyboardInterrupt):
        run(work)
