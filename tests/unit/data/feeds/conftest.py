from pathlib import Path

import pytest

from tests.kit.places import DATA


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets; what needs it skips without it."""
    folder = DATA
    if not folder.is_dir():
        pytest.skip(f"no real data at {folder} (METRLA_DATA)")
    return folder
