"""The processes of the tests: what they read, when they are ready, and what a failure tells of them."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from metrla.local.devbroker import DevBroker
from shared.kafka.admin import ensure_topics
from tests.kit.processes import Services, environment

pytestmark = pytest.mark.integration


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with DevBroker() as broker:
        await ensure_topics(broker.bootstrap_servers)
        async with Services(broker, tmp_path) as services:
            yield services


def test_what_a_developer_has_set_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRLA_LOG_LEVEL", "ERROR")
    monkeypatch.setenv("LANG", "C")
    found = environment("127.0.0.1:1", tmp_path, tmp_path / "a", tmp_path / "b", METRLA_STORE_URL="sqlite:///mine")
    assert found["LANG"] == "C"
    assert {name: value for name, value in found.items() if name.startswith("METRLA_")} == {
        "METRLA_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "METRLA_ARCHIVE_URL": (tmp_path / "archive").as_uri(),
        "METRLA_STORE_URL": "sqlite:///mine",
        "METRLA_NETWORKS": f"{tmp_path / 'a'},{tmp_path / 'b'}",
    }


async def test_a_service_gets_ready_and_stops_cleanly(services: Services) -> None:
    ingest = await services.start("ingest")
    url = await ingest.until_ready()
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{url}/live")).is_success
    await ingest.stop()
    assert "service stopped" in services.log


async def test_nobody_waits_for_a_process_that_has_ended_by_itself(services: Services) -> None:
    ingest = await services.start("ingest", METRLA_STORE_URL="nowhere://at-all")
    with pytest.raises(AssertionError, match=r"ingest ended with \d+; its last words:\n.*METRLA_STORE_URL"):
        await services.until(lambda: False, "what will not come")
    with pytest.raises(AssertionError, match="it does not listen yet"):
        _ = ingest.url


async def test_a_process_that_the_test_ended_is_no_failure(services: Services) -> None:
    ingest = await services.start("ingest")
    await ingest.until_ready("/live")
    await ingest.kill()
    await services.until(lambda: True, "what is there already")


async def test_on_leaving_nothing_runs_on(tmp_path: Path) -> None:
    async with DevBroker() as broker, Services(broker, tmp_path) as services:
        ingest = await services.start("ingest")
        await asyncio.sleep(0)
    assert ingest.process.returncode is not None
