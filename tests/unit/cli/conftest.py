"""What holds for the commands, which run in this process."""

from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def restored_logs() -> Iterator[None]:
    """Some commands make logs quieter for their whole process; the tests after them want to hear."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)
