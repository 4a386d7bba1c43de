import pytest

from services.ingest.checkpoint import MAX_METADATA_BYTES, Checkpoint, NetworkProgress
from services.ingest.clocks import Rounds
from shared.events.records import NetworkId


def test_a_checkpoint_survives_the_commit() -> None:
    checkpoint = Checkpoint(
        7, 19, {NetworkId("metr-la"): NetworkProgress(1_335_942_000_000, 1_335_943_200_000, Rounds(3, 5))}, 11
    )
    assert Checkpoint.read(7, checkpoint.metadata()) == checkpoint


DEEP = "[" * 100_000
ENDLESS = '{"v": 1, "handled": 1e999, "networks": {}}'


@pytest.mark.parametrize(
    "metadata",
    ["", "x", "[]", "7", "{}", '{"v": 2}', '{"v": 1, "handled": 1, "networks": [1]}', DEEP, ENDLESS],
    ids=lambda metadata: metadata[:20],
)
def test_metadata_of_others_is_no_checkpoint(metadata: str) -> None:
    assert Checkpoint.read(7, metadata) is None


def test_handled_never_stands_before_the_position() -> None:
    moved = Checkpoint.read(100, Checkpoint(7, 19).metadata())
    assert moved is not None
    assert moved.handled == 100


def test_metadata_stays_within_what_kafka_keeps() -> None:
    networks = {NetworkId(f"network-{number:04d}"): NetworkProgress(number, number) for number in range(1, 1000)}
    metadata = Checkpoint(7, 19, networks).metadata()
    assert len(metadata) <= MAX_METADATA_BYTES
    kept = Checkpoint.read(7, metadata)
    assert kept is not None
    assert NetworkId("network-0999") in kept.networks
    assert NetworkId("network-0001") not in kept.networks
