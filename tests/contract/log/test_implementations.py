"""Says which logs the contract is held against."""

import os

import pytest


def test_a_real_kafka_is_among_them() -> None:
    if not os.environ.get("METRLA_TEST_KAFKA_BOOTSTRAP_SERVERS"):
        pytest.skip("METRLA_TEST_KAFKA_BOOTSTRAP_SERVERS names no Kafka: only the embedded broker was tested")
