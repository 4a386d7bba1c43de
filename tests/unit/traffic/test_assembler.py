"""What predictor and alert-detector take in of a partition: one rule for both."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from shared.alerts.advisories.announced import AnnouncedAlerts
from shared.alerts.congestion.alerts import Materiality
from shared.alerts.congestion.detector import CongestionDetector
from shared.alerts.congestion.queues import CongestionRule
from shared.alerts.observed.alerts import DetectionRules
from shared.events.records import NetworkId, ProcessedTrafficAggregate
from shared.traffic.assembler import StepAssembler, Strangers
from shared.traffic.folder import EXAMPLE_NETWORK, load_network
from shared.traffic.network import Network
from shared.traffic.steps import NetworkSteps
from tests.kit.windows import processed_window

NETWORK = load_network(EXAMPLE_NETWORK)
START = datetime(2026, 3, 2, 8, tzinfo=UTC)


def window(
    sensor: str, number: int = 0, network: str = NETWORK.network_id, length: timedelta = NETWORK.window
) -> ProcessedTrafficAggregate:
    return processed_window(network, sensor, START + number * NETWORK.window, length=length)


def plain() -> StepAssembler:
    """As the predictor makes it."""
    networks: Mapping[NetworkId, Network] = {NETWORK.network_id: NETWORK}
    return StepAssembler(networks, NetworkSteps)


def detecting() -> StepAssembler:
    """As the alert detector makes it."""
    detector = CongestionDetector(NETWORK, CongestionRule(), Materiality())
    return DetectionRules({NETWORK.network_id: detector}, 5.0, 1800.0, AnnouncedAlerts({})).assembler()


@pytest.fixture(params=[plain, detecting], ids=["predictor", "alert detector"])
def assembler(request: pytest.FixtureRequest) -> StepAssembler:
    made: StepAssembler = request.param()
    return made


def test_windows_of_another_length_are_refused(assembler: StepAssembler) -> None:
    known = NETWORK.sensors[0].sensor_id
    assert assembler.takes(window(known))
    assert not assembler.takes(window(known, length=timedelta(minutes=15)))
    assert not assembler.takes(window("nobody"))
    assert not assembler.takes(window(known, network="elsewhere"))
    assert list(assembler.rebuild([window(known, length=timedelta(minutes=15))], 0.0)) == []


def test_strangers_are_named_once_and_not_without_end(assembler: StepAssembler) -> None:
    with capture_logs() as logged:
        for number in range(5_000):
            assert not assembler.takes(window(f"stranger {number}"))
            assert not assembler.takes(window(f"stranger {number}"))
    assert len(assembler.strangers) == 100
    assert [one["sensor"] for one in logged if "sensor" in one] == [f"stranger {number}" for number in range(100)]
    assert logged[-1]["event"] == "naming no more windows that fit no network"


def test_a_network_that_nobody_knows_is_one_stranger() -> None:
    strangers = Strangers()
    for number in range(50):
        strangers.meet(window(f"S{number}", network="elsewhere"), network_known=False)
    assert len(strangers) == 1
