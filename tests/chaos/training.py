"""Models for the run's networks, trained by the command that operators use."""

import asyncio
import sys

from metrla.local.launcher.plan import PipelinePlan
from metrla.local.launcher.process import LaunchError

DAYS = 7


async def train(plan: PipelinePlan, seed: int) -> None:
    """Train models for every network of the plan; raises `LaunchError` with what the command said."""
    for folder in plan.networks:
        trainer = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "metrla", "train", "--network", str(folder)),
            *("--archive-url", plan.environment()["METRLA_ARCHIVE_URL"]),
            *("--simulate", str(DAYS), "--seed", str(seed), "--models", "linear_regression"),
            env=plan.environment(),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            said, _ = await trainer.communicate()
        finally:
            if trainer.returncode is None:
                trainer.kill()
                await trainer.wait()
        if trainer.returncode:
            raise LaunchError(f"training failed:\n{said.decode(errors='replace')}")
