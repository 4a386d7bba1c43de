"""JSON that nests deeper than Python reads is damaged, for whatever keeps its state or settings in it."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from metrla.local.stack.shape import FILE, read_shape
from services.ingest.intent import leftovers
from shared.events.errors import ArchiveError, ConfigurationError, MetrlaError, ModelError, RejectedEventError
from shared.forecasting.models.card import ModelCard
from shared.forecasting.registry.roles import parse_champions
from shared.traffic.health.times import read_times

DEEP = b"[" * 100_000


def _shape(content: bytes) -> None:
    with TemporaryDirectory() as folder:
        (Path(folder) / FILE).write_bytes(content)
        read_shape(Path(folder))


@pytest.mark.parametrize(
    ("read", "error"),
    [
        (ModelCard.read, ModelError),
        (parse_champions, ModelError),
        (lambda content: leftovers(content, 0), ArchiveError),
        (_shape, ConfigurationError),
        (read_times, RejectedEventError),
    ],
    ids=["card", "champions", "intent", "shape of the stack", "times of sensors"],
)
def test_it_is_an_error_of_ours(read: Callable[[bytes], object], error: type[MetrlaError]) -> None:
    with pytest.raises(error):
        read(DEEP)
