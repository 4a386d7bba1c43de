from datetime import UTC, datetime, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from metrla.cli.querying.selection import read_range, zone_of
from shared.events.errors import ConfigurationError
from shared.runtime.settings import PlatformSettings

PACIFIC = ZoneInfo("America/Los_Angeles")


@pytest.mark.parametrize(
    ("text", "zone", "expected"),
    [
        ("2012-05-02", UTC, datetime(2012, 5, 2, tzinfo=UTC)),
        ("2012-05-02", PACIFIC, datetime(2012, 5, 2, 7, tzinfo=UTC)),
        ("2012-05-02T08:15", UTC, datetime(2012, 5, 2, 8, 15, tzinfo=UTC)),
        ("2012-05-02 08:15:30.5", UTC, datetime(2012, 5, 2, 8, 15, 30, 500_000, tzinfo=UTC)),
        ("2012-05-02T08:15Z", PACIFIC, datetime(2012, 5, 2, 8, 15, tzinfo=UTC)),
        ("2012-05-02T08:15-07:00", UTC, datetime(2012, 5, 2, 15, 15, tzinfo=UTC)),
        ("2012-12-02", PACIFIC, datetime(2012, 12, 2, 8, tzinfo=UTC)),
    ],
)
def test_instants(text: str, zone: tzinfo, expected: datetime) -> None:
    assert read_range(text, None, zone) == (expected, None)
    assert read_range(None, text, zone) == (None, expected)


@pytest.mark.parametrize(
    "text", ["", "yesterday", "02.05.2012", "2012-13-01", "2012-05-02T25:00", "0001-01-01T00:00+10:00"]
)
def test_what_is_no_instant_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"--to .*2012-05-02T08:00-07:00"):
        read_range(None, text, UTC)


@pytest.mark.parametrize("end", ["2012-05-02", "2012-05-01"])
def test_a_range_has_a_length(end: str) -> None:
    with pytest.raises(ConfigurationError, match="--from 2012-05-02 is not before --to"):
        read_range("2012-05-02", end, UTC)


def network(folder: Path, name: str, zone: str) -> Path:
    folder = folder / name
    folder.mkdir()
    (folder / "network.toml").write_text(f'id = "{name}"\ntime_zone = "{zone}"\n')
    (folder / "sensors.csv").write_text("sensor_id,freeway,direction,postmile,latitude,longitude\na,I-5,N,1,34,-118\n")
    return folder


def settings(*folders: Path) -> PlatformSettings:
    return PlatformSettings(networks=folders)


def test_utc_unless_local_is_asked_for() -> None:
    assert zone_of(settings(Path("not looked at")), "x", local=False) is UTC


def test_the_zone_of_the_network(tmp_path: Path) -> None:
    here = network(tmp_path, "here", "America/Los_Angeles")
    there = network(tmp_path, "there", "Europe/Berlin")
    assert zone_of(settings(here, there), "there", local=True) == ZoneInfo("Europe/Berlin")
    assert zone_of(settings(here), None, local=True) == PACIFIC
    with pytest.raises(ConfigurationError, match="several time zones, so choose one with --network"):
        zone_of(settings(here, there), None, local=True)
    with pytest.raises(ConfigurationError, match="network nowhere is not one of METRLA_NETWORKS: here"):
        zone_of(settings(here), "nowhere", local=True)
