import asyncio

import pytest

from services.gateway.health_checks import HealthChecks
from shared.events.errors import StoreError


async def healthy() -> str:
    return "a part"


async def broken() -> str:
    raise StoreError("the disk is full")


async def test_every_part_is_reported() -> None:
    report = await HealthChecks({"good": healthy, "bad": broken}, 1.0).report()
    assert {name: part.word for name, part in report.items()} == {
        "good": "healthy",
        "bad": "unhealthy: the disk is full",
    }
    assert report["good"].detail == "a part"


async def test_parts_are_asked_concurrently_and_a_silent_one_costs_the_time_limit_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.gateway.health_checks.FRESH_S", 0.0)
    started, release = [], asyncio.Event()

    async def silent() -> str:
        started.append(1)
        await release.wait()
        return "slow, but there"

    checks = HealthChecks({"one": silent, "two": silent}, 0.1)
    async with asyncio.timeout(5):
        report = await checks.report()
        assert {part.word for part in report.values()} == {"unhealthy: no answer within 0.1 s"}
        await checks.report()
        assert len(started) == 2
        release.set()
        report = await checks.report()
    assert {part.word for part in report.values()} == {"healthy"}


async def test_a_fresh_report_is_shared() -> None:
    asked = []

    async def counted() -> str:
        asked.append(1)
        return "a part"

    checks = HealthChecks({"part": counted}, 1.0)
    await asyncio.gather(*(checks.report() for _ in range(10)))
    assert len(asked) == 1
