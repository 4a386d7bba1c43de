"""A gateway between hostile connections: it stays small and lives, and honest clients miss nothing."""

from pathlib import Path

import pytest

from tests.hostile.attackers import ATTACKS
from tests.hostile.siege import besiege

pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.timeout(180)]

MAX_BYTES = 300 * 1024 * 1024


async def test_hostile_connections_neither_starve_nor_swell_it(tmp_path: Path) -> None:
    siege = await besiege(tmp_path, each=10, seconds=15.0)
    assert siege.watch.seconds, "/live was never asked"
    assert siege.outcomes.keys() == ATTACKS.keys()
    assert not siege.missed
    assert not siege.watch.failed
    assert siege.watch.peak_bytes < MAX_BYTES
