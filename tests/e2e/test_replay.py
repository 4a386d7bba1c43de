"""A recorded day through the whole pipeline: nothing is lost, nothing doubled, also when ingest is killed."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.e2e.checks import check_dead_letters, check_exact, check_predictions, kill, replay, train
from tests.e2e.pipeline import Recorded, started

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

SECONDS_A_DAY = 86_400


async def test_a_day_goes_through_exactly(recorded: Recorded, tmp_path: Path) -> None:
    async with started(tmp_path, recorded.network) as pipeline:
        await train(pipeline, recorded)
        feed = await replay(pipeline, recorded, "max", "--damaged", "0.01")
        assert await feed.wait() == 0, feed.log_tail()
        await check_exact(pipeline, recorded)
        await check_dead_letters(pipeline)
        await check_predictions(pipeline, recorded)


async def test_killing_ingest_loses_and_doubles_nothing(recorded: Recorded, tmp_path: Path) -> None:
    moments = random.Random(5)
    async with started(tmp_path, recorded.network) as pipeline:
        # A day in about 15 s, so that the kills fall into it.
        feed = await replay(pipeline, recorded, f"{SECONDS_A_DAY / 15:g}")
        for _ in range(3):
            await asyncio.sleep(moments.uniform(1.5, 4.5))
            await kill(pipeline.child("ingest"))
        assert await feed.wait() == 0, feed.log_tail()
        await check_exact(pipeline, recorded)


async def test_metr_la_goes_through_exactly_though_ingest_is_killed(metr_la_day: Recorded, tmp_path: Path) -> None:
    moments = random.Random(7)
    async with started(tmp_path, metr_la_day.network) as pipeline:
        await train(pipeline, metr_la_day)
        feed = await replay(pipeline, metr_la_day, "max")
        for _ in range(3):
            await asyncio.sleep(moments.uniform(1.0, 3.0))
            await kill(pipeline.child("ingest"))
        assert await feed.wait() == 0, feed.log_tail()
        await check_exact(pipeline, metr_la_day)
        await check_predictions(pipeline, metr_la_day)
