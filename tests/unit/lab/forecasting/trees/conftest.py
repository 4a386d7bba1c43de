from dataclasses import dataclass, field

import pytest

from metrla.lab.forecasting.recorded import Recorded
from metrla.lab.forecasting.split import Split
from metrla.lab.forecasting.training.fitted import Task
from metrla.lab.forecasting.training.trees.rows import Source


@dataclass
class Kept:
    """Checkpoints in memory, and somebody who watches."""

    content: dict[str, bytes] = field(default_factory=dict)
    told: list[tuple[float, float]] = field(default_factory=list)

    def read(self, name: str) -> bytes | None:
        return self.content.get(name)

    def write(self, name: str, content: bytes) -> None:
        self.content[name] = content

    def __call__(self, done: float, total: float, note: str = "") -> None:  # noqa: ARG002 - as `Progress`
        self.told.append((done, total))


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
def task(recorded: Recorded, split: Split, kept: Kept) -> Task:
    return Task(recorded, split, seed=3, seconds=None, progress=kept, checkpoints=kept)


@pytest.fixture(scope="session")
def source(recorded: Recorded, split: Split) -> Source:
    return Source.of(recorded, split)
