"""Which weights serve a demo at once, and what they have seen of what it replays."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from metrla.local.launcher.demo import _install
from metrla.local.launcher.plan import PipelinePlan
from metrla.local.launcher.request import DemoRequest, default_start
from metrla.local.launcher.weights import ShippedWeights
from shared.archive.local import LocalArchive
from shared.events.records import NetworkId
from shared.forecasting.registry.pretrained import PretrainedModels
from shared.forecasting.registry.registry import Registry
from tests.kit.metr_la import imported_metr_la
from tests.kit.networks import along, network_of

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
FIRST = datetime(2012, 3, 1, 8, tzinfo=UTC)


def test_a_network_of_nobodys_sensors_has_no_weights() -> None:
    assert ShippedWeights.of(network_of(*along("I-5 N", ["a", "b"])), PretrainedModels()) is None


def test_a_replay_begins_where_the_weights_have_seen_nothing() -> None:
    last, seen = FIRST + timedelta(days=100), FIRST + timedelta(days=80, hours=3)
    assert default_start(FIRST, last, LOS_ANGELES, seen) == FIRST + timedelta(days=81, hours=-1)  # daylight saving
    for elsewhere in (FIRST - timedelta(days=1), last + timedelta(days=1)):
        assert default_start(FIRST, last, LOS_ANGELES, elsewhere) == default_start(FIRST, last, LOS_ANGELES)


def test_what_weights_have_seen_flatters() -> None:
    weights = ShippedWeights(NetworkId("x"), ["ensemble"], (FIRST, FIRST + timedelta(days=80)))
    assert weights.have_seen(FIRST)
    assert weights.have_seen(FIRST + timedelta(days=79))
    assert not weights.have_seen(FIRST + timedelta(days=80))
    assert not weights.have_seen(FIRST - timedelta(days=1))
    assert not ShippedWeights(NetworkId("x"), ["ensemble"], None).have_seen(FIRST)


def plan_at(folder: Path) -> PipelinePlan:
    return PipelinePlan(folder, [], broker_port=1, gateway_port=2, broker_retention_bytes=1, settings={})


def request_of(begin: datetime, data: Path | None = Path("speeds.parquet")) -> DemoRequest:
    return DemoRequest(
        state=Path("state"),
        network=Path("network"),
        data=data,
        begin=begin.isoformat(),
        end=None,
        speed=60.0,
        damaged=0.0,
        seed=7,
        port=1,
        duration=None,
        exit_when_fed=False,
    )


def test_a_demo_on_metr_la_serves_what_comes_with_metrla(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network, late = imported_metr_la("mine"), FIRST + timedelta(days=100)
    assert _install(request_of(late), plan_at(tmp_path), network)
    said = capsys.readouterr().out
    assert "mine: recognised by its sensors and edges" in said
    assert "too good" not in said
    registry = Registry(LocalArchive(tmp_path / "archive"), {network.network_id: network})
    registry.refresh()
    champion = registry.serving(network.network_id).champion
    assert champion is not None
    assert champion.model.name == "ensemble"
    assert _install(request_of(FIRST + timedelta(days=10)), plan_at(tmp_path), network)
    assert "too good" in capsys.readouterr().out
    assert not _install(request_of(late, data=None), plan_at(tmp_path / "other"), network), (
        "what is simulated is not it"
    )
    assert not (tmp_path / "other").exists()


def test_a_demo_says_why_weights_do_not_serve(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = network_of(*along("I-5 N", ["a", "b"]), network_id="metr-la")
    assert not _install(request_of(FIRST), plan_at(tmp_path), other)
    assert "of which this network has 0" in " ".join(capsys.readouterr().out.split())
    assert not _install(request_of(FIRST), plan_at(tmp_path), network_of(*along("I-5 N", ["a", "b"])))
    assert capsys.readouterr().out == ""
