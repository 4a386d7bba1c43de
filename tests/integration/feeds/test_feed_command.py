"""`metrla feed` as a process of its own, against an embedded broker."""

import asyncio
import re
import signal
import sys
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import AsyncIterator
from pathlib import Path

import pandas as pd
import pytest

from metrla.local.devbroker.broker import DevBroker
from shared.events.avro import decode
from shared.events.errors import RejectedEventError
from shared.events.records import TrafficEvent
from shared.events.text import MAX_ID_CHARACTERS, fault_of
from shared.events.topics import TRAFFIC_EVENTS
from shared.kafka.admin import ensure_topics
from tests.kit.places import ROOT
from tests.kit.processes import Services
from tests.kit.until import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    async with DevBroker() as running:
        await ensure_topics(running.bootstrap_servers, [TRAFFIC_EVENTS])
        yield Services(running, tmp_path)


async def start(services: Services, *arguments: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", "from metrla.cli.feed import app; app()", *arguments),
        cwd=ROOT,
        env=services.environment(),
        stdout=PIPE,
        stderr=STDOUT,
    )


async def run(services: Services, *arguments: str) -> tuple[int | None, str]:
    process = await start(services, *arguments)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return process.returncode, output.decode()


async def values(services: Services) -> list[bytes]:
    return [record.value or b"" for record in await services.read(TRAFFIC_EVENTS)]


async def test_simulate_sends_warm_up_and_then_the_time_asked_for(services: Services) -> None:
    code, output = await run(
        services,
        *("simulate", "--start", "2024-05-14T07:15", "--duration", "10m", "--warm-up", "1h", "--speed", "max"),
    )
    assert code == 0, output
    assert "6,720 events sent" in output
    events = [decode(TrafficEvent, value) for value in await values(services)]
    assert len(events) == 70 * 2 * 48
    assert len({event.event_id for event in events}) == len(events)
    assert (
        f"{min(e.timestamp for e in events):%H:%M:%S} {max(e.timestamp for e in events):%H:%M:%S}"
        == "13:15:00 14:24:30"
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 0)])
async def test_an_endless_feed_stops_cleanly_with_a_summary(services: Services, number: int, code: int) -> None:
    process = await start(services, "simulate", "--speed", "120")

    async def fed() -> bool:
        return bool(await values(services))

    await until(fed, "the first readings")
    process.send_signal(number)
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == code
    sent = re.search(r"([\d,]+) events sent .*; stopped", output.decode())
    assert sent is not None, output
    assert int(sent[1].replace(",", "")) == len(await values(services))


async def test_replay_of_a_file_with_damage(services: Services, tmp_path: Path) -> None:
    times = pd.date_range("2012-05-02", periods=288, freq="5min")
    table = pd.DataFrame({"405N-01": 61.0, "405N-02": 0.0, "999": 5.0}, index=times)
    table.to_csv(tmp_path / "speeds.csv")
    code, output = await run(
        services,
        *("replay", str(tmp_path / "speeds.csv"), "--from", "2012-05-02T06:00", "--to", "2012-05-02T18:00"),
        *("--speed", "max", "--skip-unknown", "--damaged", "0.5"),
    )
    assert code == 0, output
    assert "144 events sent" in output
    assert "288 readings read, 144 of them missing" in output
    assert "144 readings left out: the network does not have their sensors" in output
    damaged = re.search(r"(\d+) damaged copies", output)
    assert damaged is not None
    assert len(await values(services)) == 144 + int(damaged[1])
    good = 0
    for value in await values(services):
        try:
            event_id = decode(TrafficEvent, value).event_id
        except RejectedEventError:
            continue
        # Where the id itself is what was damaged, it has no mark.
        sound = bool(event_id) and fault_of(event_id, MAX_ID_CHARACTERS) is None
        good += sound and not event_id.startswith("damaged-")
    assert good == 144


MEASURED = """<d2LogicalModel xmlns="http://datex2.eu/schema/2/2_0"><payloadPublication>
  <siteMeasurements><measurementSiteReference id="{site}"/>
    <measurementTimeDefault>2012-05-02T07:00:00Z</measurementTimeDefault>
    <measuredValue index="1"><measuredValue><basicData><averageVehicleSpeed><speed>100</speed></averageVehicleSpeed>
    </basicData></measuredValue></measuredValue></siteMeasurements></payloadPublication></d2LogicalModel>"""


async def test_measured_data_of_datex_is_sent(services: Services, tmp_path: Path) -> None:
    for name, site in (("here", "405N-01"), ("there", "elsewhere")):
        (tmp_path / f"{name}.xml").write_text(MEASURED.format(site=site))
    code, output = await run(services, "measured", str(tmp_path / "here.xml"), str(tmp_path / "there.xml"))
    assert code == 0, output
    assert "1 events sent" in output
    assert "1 readings left out: the network does not have their sites" in output
    (event,) = [decode(TrafficEvent, value) for value in await values(services)]
    assert event.sensor_id == "405N-01"
    assert event.speed_mph == pytest.approx(62.137, abs=1e-3)
    (tmp_path / "page.xml").write_text("<html/>")
    code, output = await run(services, "measured", str(tmp_path / "page.xml"))
    assert code != 0
    assert "siteMeasurements" in output
